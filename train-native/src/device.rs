//! Where the network runs: the `--device` argument.

use std::str::FromStr;

use anyhow::{Result, bail};
use burn::tensor::{Device, DeviceType};
use serde::{Deserialize, Serialize};

/// A choice of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DeviceChoice {
    /// The first GPU, else the CPU.
    #[default]
    Auto,
    /// burn-flex on the CPU.
    Cpu,
    /// burn-wgpu on the first adapter, a software one too.
    Gpu,
}

impl DeviceChoice {
    /// The device, and a name to show.
    pub(crate) fn open(self) -> Result<(Device, &'static str)> {
        let adapters = || Device::enumerate(DeviceType::Wgpu).into_vec().into_iter();
        match self {
            Self::Cpu => Ok((Device::flex(), "CPU (burn-flex)")),
            Self::Gpu => match adapters().next() {
                Some(device) => Ok((device, "GPU (burn-wgpu)")),
                None => bail!("--device gpu: no GPU adapter was found; install its driver or use --device cpu"),
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
            "gpu" => Ok(Self::Gpu),
            _ => Err(format!("{text:?} is no device; use auto, cpu or gpu")),
        }
    }
}
