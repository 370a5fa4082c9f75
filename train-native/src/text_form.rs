//! Values that settings and checkpoints hold as they are written on the command line.

/// Converts a type with `Display` and `FromStr<Err = String>` to and from text, for
/// `#[serde(try_from = "String", into = "String")]`.
macro_rules! text_form {
    ($type:ty) => {
        impl TryFrom<String> for $type {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}

pub(crate) use text_form;
