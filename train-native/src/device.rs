//! Where the network runs: the `--device` argument.

use std::fmt;
use std::str::FromStr;
use std::thread;

use anyhow::{Result, bail};
use burn::tensor::{Device, DeviceType};
use serde::{Deserialize, Serialize};

/// Threads that the processor runs at once, as far as the system tells.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// A choice of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum DeviceChoice {
    /// The first GPU, else the CPU.
    #[default]
    Auto,
    /// burn-flex on the CPU.
    Cpu,
    /// burn-wgpu on the adapter of this number, a software one too.
    Gpu(usize),
}

impl DeviceChoice {
    /// The device, and a name to show.
    pub(crate) fn open(self) -> Result<(Device, &'static str)> {
        let adapters = || Device::enumerate(DeviceType::Wgpu).into_vec().into_iter();
        match self {
            Self::Cpu => Ok((Device::flex(), "CPU (burn-flex)")),
            Self::Gpu(number) => match (adapters().nth(number), adapters().count()) {
                (Some(device), _) => Ok((device, "GPU (burn-wgpu)")),
                (None, 0) => bail!("--device {self}: no GPU adapter was found; install its driver or use --device cpu"),
                (None, count) => bail!("--device {self}: this machine has {count} GPU adapters, gpu:0 is the first"),
            },
            // A software adapter is far slower than burn-flex; burn tells it apart only by its name.
            Self::Auto => Ok(match adapters().find(|device| !format!("{device:?}").contains("Cpu")) {
                Some(device) => (device, "GPU (burn-wgpu)"),
                None => (Device::flex(), "CPU (burn-flex)"),
            }),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "gpu" => Ok(Self::Gpu(0)),
            _ => text
                .strip_prefix("gpu:")
                .and_then(|number| number.parse().ok())
                .map(Self::Gpu)
                .ok_or_else(|| format!("{text:?} is no device; use auto, cpu, gpu, or gpu:1 for the second GPU")),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => formatter.write_str("auto"),
            Self::Cpu => formatter.write_str("cpu"),
            Self::Gpu(number) => write!(formatter, "gpu:{number}"),
        }
    }
}

crate::text_form::text_form!(DeviceChoice);
