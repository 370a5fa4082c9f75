//! Memory of this process, as Linux tells it.

use std::fs;

/// The most it ever held in RAM, in MB (since [`reset_peak`]); `None` on other systems.
pub(super) fn peak() -> Option<f64> {
    status("VmHWM")
}

/// Sets the peak back to what the process holds now, which is returned in MB.
pub(super) fn reset_peak() -> Option<f64> {
    fs::write("/proc/self/clear_refs", "5").ok()?;
    status("VmRSS")
}

/// An entry of `/proc/self/status`, in MB.
fn status(name: &str) -> Option<f64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? / 1024.0)
}
