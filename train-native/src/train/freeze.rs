//! The part of the encoder that keeps its weights: the `--freeze` argument.

use std::fmt;
use std::str::FromStr;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use dalnet::DalNet;
use serde::{Deserialize, Serialize};

/// How much of the encoder is frozen, from its input on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum Freeze {
    /// The embeddings of patches and positions, the class token, and the norm before the first block.
    Patch,
    /// Those and the first blocks.
    Blocks(usize),
    /// All of it.
    Encoder,
}

impl Freeze {
    /// The network without gradients for its frozen part: neither gradients nor weight decay change it, and the backward
    /// pass ends where it begins.
    pub(crate) fn apply(self, model: DalNet) -> DalNet {
        model.map(&mut Freezer { freeze: self, path: Vec::new() })
    }

    /// Whether the parameter of this name keeps its value.
    fn holds(self, name: &str) -> bool {
        let Some(name) = name.strip_prefix("encoder.") else { return false };
        let block =
            name.strip_prefix("blocks.").map(|rest| rest.split('.').next().and_then(|number| number.parse().ok()));
        match (self, block) {
            (Self::Encoder, _) => true,
            (Self::Patch | Self::Blocks(_), None) => !name.starts_with("norm."),
            (Self::Blocks(count), Some(Some(block))) => usize::lt(&block, &count),
            (Self::Patch | Self::Blocks(_), Some(_)) => false,
        }
    }
}

struct Freezer {
    freeze: Freeze,
    path: Vec<String>,
}

impl ModuleMapper for Freezer {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.freeze.holds(&self.path.join(".")) { param.set_require_grad(false) } else { param }
    }
}

impl FromStr for Freeze {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "patch" => Ok(Self::Patch),
            "encoder" => Ok(Self::Encoder),
            number => number
                .parse()
                .map(Self::Blocks)
                .map_err(|_| format!("{text:?} is no part of the encoder; use patch, a number of blocks, or encoder")),
        }
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Patch => formatter.write_str("patch"),
            Self::Blocks(count) => count.fmt(formatter),
            Self::Encoder => formatter.write_str("encoder"),
        }
    }
}

crate::text_form::text_form!(Freeze);
