//! The `--scale` argument: how much pictures are enlarged before they are cropped.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Smallest and largest random scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct ScaleRange(pub(super) [f64; 2]);

impl FromStr for ScaleRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<f64>().ok();
        let range = text.split_once(',').and_then(|(smallest, largest)| Some([number(smallest)?, number(largest)?]));
        match range {
            Some([smallest, largest]) if smallest > 0.0 && smallest <= largest && largest <= 16.0 => {
                Ok(Self([smallest, largest]))
            }
            _ => Err(format!("{text:?} is no range of scales; use two ascending numbers up to 16, as in 0.5,2")),
        }
    }
}

impl fmt::Display for ScaleRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{},{}", self.0[0], self.0[1])
    }
}

crate::text_form::text_form!(ScaleRange);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_is_written() {
        let range = "0.4, 1.2".parse::<ScaleRange>().unwrap();
        assert_eq!((range.0, range.to_string().as_str()), ([0.4, 1.2], "0.4,1.2"));
        assert_eq!(range.to_string().parse(), Ok(range));
        for wrong in ["1", "2,0.5", "0,1", "1,17", "a,b", "NaN,1", "0.5,1,2"] {
            assert!(wrong.parse::<ScaleRange>().unwrap_err().contains("0.5,2"), "{wrong}");
        }
    }
}
