//! `train-native doctor`: whether this machine computes right, and on what.

mod check;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{env, fs, panic, thread};

use anyhow::{Result, bail};
use burn::tensor::{Device, DeviceType};
use clap::Args;

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
    println!("processor   {} threads; {}", thread::available_parallelism().map_or(1, usize::from), instructions());
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

/// Runs what may panic, as drivers make their callers do, without the panic's own message.
fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    let result = catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(hook);
    result.map_err(|reason| told_by(reason.as_ref()))
}

/// The first line of what a panic says.
fn told_by(reason: &(dyn Any + Send)) -> String {
    let text = reason.downcast_ref::<String>().map(String::as_str).or_else(|| reason.downcast_ref::<&str>().copied());
    text.and_then(|text| text.lines().next()).unwrap_or("a panic without a reason").to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure_with_its_first_line() {
        assert_eq!(quietly(|| panic!("no driver {}\nbacktrace", 7)).map(|()| 1), Err("no driver 7".to_owned()));
        assert_eq!(quietly(|| 3), Ok(3));
    }
}
