//! `train-native doctor`: whether this machine computes right, and on what.

mod check;

use std::{env, fs};

use anyhow::{Result, bail};
use burn::tensor::{Device, DeviceType};
use clap::Args;

use crate::device::cores;
use crate::panics::quietly;

/// Options of `train-native doctor`: none.
#[derive(Debug, Args)]
pub(crate) struct Options {}

/// Looks at the machine and tries every device.
///
/// # Errors
/// A device that computes something else than the processor does in double precision, or nothing at all.
pub(crate) fn run(Options {}: &Options) -> Result<()> {
    println!("program     train-native {} for {} {}", env!("CARGO_PKG_VERSION"), env::consts::OS, env::consts::ARCH);
    println!("backends    burn-flex (CPU), burn-wgpu (GPU)");
    println!("processor   {} threads; {}", cores(), instructions());
    println!("memory      {}", memory());
    let mut devices = vec![("CPU (burn-flex)".to_owned(), Device::flex())];
    match quietly(|| Device::enumerate(DeviceType::Wgpu).into_vec()) {
        Ok(adapters) if adapters.is_empty() => {
            println!("adapters    none for burn-wgpu; a GPU needs its Vulkan driver")
        }
        Ok(adapters) => devices.extend(adapters.into_iter().map(|device| (format!("{device:?}"), device))),
        Err(reason) => println!("adapters    cannot be listed ({reason}); is the Vulkan driver whole?"),
    }
    let mut failed = Vec::new();
    for (name, device) in devices {
        match quietly(|| check::check(&device)).and_then(|report| report) {
            Ok(report) => println!("device      {name}: {report}"),
            Err(reason) => {
                println!("device      {name}: FAILED: {reason}");
                failed.push(name);
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("{} cannot be relied on; update the driver, or use --device cpu", failed.join(", "))
}

#[cfg(target_arch = "x86_64")]
fn instructions() -> String {
    let known = [
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ];
    known.iter().filter(|(_, has)| *has).map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

#[cfg(not(target_arch = "x86_64"))]
fn instructions() -> String {
    format!("{} instructions", env::consts::ARCH)
}

/// Total and free memory, where the system tells it in a file.
fn memory() -> String {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let gibibytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes = line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<f64>().ok()?;
        Some(kibibytes / f64::from(1 << 20))
    };
    match (gibibytes("MemTotal"), gibibytes("MemAvailable")) {
        (Some(total), Some(free)) => format!("{total:.1} GiB, {free:.1} free"),
        _ => "unknown on this system".to_owned(),
    }
}
