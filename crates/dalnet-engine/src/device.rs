//! The choice of a device.

use std::str::FromStr;

use burn::tensor::Device;

use crate::error::EngineError;

/// Where the network runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// burn-wgpu: WebGPU in the browser; Vulkan, Metal or DX12 natively.
    Gpu,
    /// burn-flex, with SIMD.
    Cpu,
}

impl Backend {
    /// Opens the device. In a browser the GPU opens once for a page or worker.
    ///
    /// # Errors
    /// [`EngineError::NoGpu`].
    pub async fn open(self) -> Result<Device, EngineError> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            Self::Gpu => {
                let options = Device::wgpu_options();
                options.init_async().await.map_err(|error| EngineError::NoGpu(error.to_string()))
            }
        }
    }

    /// Its name, as [`FromStr`] reads it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gpu => "webgpu",
            Self::Cpu => "cpu",
        }
    }
}

impl FromStr for Backend {
    type Err = EngineError;

    fn from_str(name: &str) -> Result<Self, EngineError> {
        [Self::Gpu, Self::Cpu]
            .into_iter()
            .find(|backend| backend.name() == name)
            .ok_or_else(|| EngineError::UnknownDevice(name.to_owned()))
    }
}
