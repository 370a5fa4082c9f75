//! What can be wrong with prompts and text encoders.

use std::error::Error;

use thiserror::Error;

/// Why a text could not be encoded.
#[derive(Debug, Error)]
pub enum TextError {
    /// More tokens than CLIP has positions for.
    #[error("the text that begins {beginning:?} has {tokens} tokens with start and end, {limit} fit; shorten it")]
    TooLong {
        /// Its first 40 characters.
        beginning: String,
        /// Its tokens.
        tokens: usize,
        /// The positions there are.
        limit: usize,
    },
    /// The tokenizer could not be built or failed.
    #[error("CLIP's tokenizer failed: {0}")]
    Tokenizer(#[source] Box<dyn Error + Send + Sync>),
    /// The weights are of no CLIP text encoder.
    #[error("{0}; give the weights of a whole CLIP or of its text encoder")]
    Weights(String),
}
