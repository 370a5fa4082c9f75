//! CLIP's byte-level BPE, built from the merges that OpenAI published.
//!
//! Equal to OpenAI's `clip/simple_tokenizer.py`: Unicode NFC, typographic quotes straightened, white space collapsed to
//! single spaces, lower case, words split by CLIP's pattern, bytes merged by rank. Not reproduced: what its helper ftfy
//! and `html.unescape` do beyond that to damaged text (mojibake, ligatures, full-width letters, control characters,
//! entities such as `&amp;`).

use std::io::{BufRead, BufReader};

use flate2::read::GzDecoder;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, NormalizedString, Normalizer, SplitDelimiterBehavior, Tokenizer};

use crate::error::TextError;

/// Most tokens of a text, start and end included.
pub const CONTEXT_LENGTH: usize = 77;
/// Number of tokens, start and end included.
pub const VOCABULARY: usize = 49_408;
/// Id of the token that begins every text.
pub const START: u32 = 49_406;
/// Id of the token that ends every text: the largest there is.
pub const END: u32 = 49_407;

/// `bpe_simple_vocab_16e6.txt.gz` of OpenAI's CLIP (MIT, see `assets/CREDITS.md`).
const MERGES: &[u8] = include_bytes!("../assets/bpe_simple_vocab_16e6.txt.gz");
const START_TEXT: &str = "<|startoftext|>";
const END_TEXT: &str = "<|endoftext|>";
const END_OF_WORD: &str = "</w>";
const WORDS: &str = r"(?i)'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+";

/// CLIP's tokenizer.
#[derive(Debug)]
pub struct ClipTokenizer {
    tokenizer: Tokenizer,
}

impl ClipTokenizer {
    /// The tokenizer of every CLIP of OpenAI and of open_clip's models that keep its vocabulary; takes some 0.1 s.
    ///
    /// # Errors
    /// Merges that cannot be read, which their test excludes.
    pub fn new() -> Result<Self, TextError> {
        Self::build().map_err(TextError::Tokenizer)
    }

    fn build() -> tokenizers::Result<Self> {
        let merges = merges()?;
        let bytes = alphabet();
        let vocabulary: Vocab = bytes
            .iter()
            .cloned()
            .chain(bytes.iter().map(|byte| format!("{byte}{END_OF_WORD}")))
            .chain(merges.iter().map(|(first, second)| format!("{first}{second}")))
            .chain([START_TEXT, END_TEXT].map(str::to_owned))
            .zip(0..)
            .collect();
        let model =
            BPE::builder().vocab_and_merges(vocabulary, merges).end_of_word_suffix(END_OF_WORD.to_owned()).build()?;
        let words = Split::new(SplitPattern::Regex(WORDS.to_owned()), SplitDelimiterBehavior::Removed, true)?;
        let to_bytes = ByteLevel::new(false, false, false);
        let mut tokenizer = Tokenizer::new(model);
        tokenizer.with_pre_tokenizer(Some(Sequence::new(vec![words.into(), to_bytes.into()])));
        tokenizer.add_special_tokens([START_TEXT, END_TEXT].map(|text| AddedToken::from(text, true)))?;
        Ok(Self { tokenizer })
    }

    /// The token ids of `text` from [`START`] to [`END`], without padding: 2 to [`CONTEXT_LENGTH`] of them.
    ///
    /// # Errors
    /// [`TextError::TooLong`]: a text is never cut, since an embedding of half a prompt is not what was asked for.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TextError> {
        let encoding = clean(text).and_then(|text| self.tokenizer.encode_fast(text, false));
        let encoding = encoding.map_err(TextError::Tokenizer)?;
        let ids = [&[START][..], encoding.get_ids(), &[END]].concat();
        if ids.len() > CONTEXT_LENGTH {
            let beginning = text.chars().take(40).collect();
            return Err(TextError::TooLong { beginning, tokens: ids.len(), limit: CONTEXT_LENGTH });
        }
        Ok(ids)
    }
}

/// The merges by rank. The published file holds more of them, behind a first line with its version.
fn merges() -> tokenizers::Result<Vec<(String, String)>> {
    let count = VOCABULARY - 2 * 256 - 2;
    let lines = BufReader::new(GzDecoder::new(MERGES)).lines().skip(1).take(count);
    let merges = lines.map(|line| {
        let line = line?;
        let (first, second) = line.split_once(' ').ok_or_else(|| format!("{line:?} is no merge"))?;
        Ok((first.to_owned(), second.to_owned()))
    });
    merges.collect()
}

/// A visible character for every byte, in the order of CLIP's ids: first the bytes that are visible in Latin-1.
fn alphabet() -> Vec<String> {
    let visible = ('!'..='~').chain('¡'..='¬').chain('®'..='ÿ');
    visible.chain('Ā'..).take(256).map(String::from).collect()
}

fn clean(text: &str) -> tokenizers::Result<String> {
    let mut normalized = NormalizedString::from(text);
    NFC.normalize(&mut normalized)?;
    let straightened = normalized.get().chars().map(|character| match character {
        '\u{2bc}' | '\u{2018}'..='\u{201b}' => '\'',
        '\u{201c}'..='\u{201f}' => '"',
        other => other,
    });
    let text: String = straightened.collect();
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase())
}
