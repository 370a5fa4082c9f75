//! Chromium with its driver, and a Vulkan driver for the native GPU tests.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::Outcome;
use crate::process::{Log, Tool, find_program};
use crate::workspace::Workspace;

pub(super) const CHROMIUM_REMEDY: &str = "Debian or Ubuntu: `apt-get install chromium chromium-driver` as root. \
     Elsewhere: install Chrome or Chromium and the chromedriver of the same major version, \
     and either have both in PATH or name them in DALNET_CHROME and DALNET_CHROMEDRIVER";

pub(super) const VULKAN_REMEDY: &str = "Debian or Ubuntu: `apt-get install mesa-vulkan-drivers libvulkan1` as root. \
     Fedora: mesa-vulkan-drivers vulkan-loader. Arch: vulkan-swrast vulkan-icd-loader. A real GPU's Vulkan driver serves as well";

/// Where Vulkan loaders look for drivers.
const VULKAN_FOLDERS: [&str; 3] = ["/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d"];

/// The browser for the tests: `DALNET_CHROME`, else the first of the usual names in `PATH`.
///
/// # Errors
/// The variable names no file, or there is no browser in `PATH`.
pub(crate) fn chrome() -> Result<PathBuf> {
    let names = ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser", "chrome"];
    named_or_found("DALNET_CHROME", &names)
}

/// The browser's driver: `DALNET_CHROMEDRIVER`, else `chromedriver` in `PATH`.
///
/// # Errors
/// As [`chrome`].
pub(crate) fn chromedriver() -> Result<PathBuf> {
    named_or_found("DALNET_CHROMEDRIVER", &["chromedriver"])
}

fn named_or_found(variable: &str, names: &[&str]) -> Result<PathBuf> {
    if let Some(path) = env::var_os(variable).map(PathBuf::from) {
        ensure!(path.is_file(), "{variable} names {}, which is no file", path.display());
        return Ok(path);
    }
    find_program(names).with_context(|| format!("none of {names:?} is in PATH and {variable} is not set"))
}

pub(super) fn ensure_chromium(_workspace: &Workspace, log: &Log) -> Result<Outcome> {
    let missing = match browser_versions() {
        Ok(versions) => return Ok(Outcome::Present(versions)),
        Err(error) => error,
    };
    if env::var_os("DALNET_CHROME").is_some() || env::var_os("DALNET_CHROMEDRIVER").is_some() {
        return Err(missing);
    }
    apt_install(&["chromium", "chromium-driver"], log).with_context(|| format!("{missing:#}"))?;
    Ok(Outcome::Installed(browser_versions()?))
}

/// The browser's version, once it is certain that its driver is of the same major version.
fn browser_versions() -> Result<String> {
    let major = |path: &Path| -> Result<String> {
        let line = Tool::new(path).arg("--version").output()?;
        major_version(&line).with_context(|| format!("`{} --version` printed {line:?}", path.display()))
    };
    let (browser, driver) = (chrome()?, chromedriver()?);
    let (browser_major, driver_major) = (major(&browser)?, major(&driver)?);
    ensure!(
        browser_major == driver_major,
        "{} is version {browser_major} and {} is version {driver_major}",
        browser.display(),
        driver.display()
    );
    Ok(format!("version {browser_major}, {}", browser.display()))
}

/// `156` from `Chromium 156.0.8078.79 built on ...` and from `ChromeDriver 156.0.8078.79 (...)`.
fn major_version(line: &str) -> Option<String> {
    let number = line.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    number.split('.').next().map(str::to_owned)
}

pub(super) fn ensure_vulkan(_workspace: &Workspace, log: &Log) -> Result<Outcome> {
    if !cfg!(target_os = "linux") {
        return Ok(Outcome::Present("the system's own graphics driver".to_owned()));
    }
    if let Some(driver) = vulkan_driver() {
        return Ok(Outcome::Present(driver));
    }
    apt_install(&["libvulkan1", "mesa-vulkan-drivers"], log)?;
    let driver = vulkan_driver().context("no Vulkan driver after mesa-vulkan-drivers was installed")?;
    Ok(Outcome::Installed(driver))
}

/// The first Vulkan driver's description, where the loader is there too.
fn vulkan_driver() -> Option<String> {
    if env::var_os("VK_DRIVER_FILES").or_else(|| env::var_os("VK_ICD_FILENAMES")).is_some() {
        return Some("named in the environment".to_owned());
    }
    let loader = Tool::new("/sbin/ldconfig").arg("-p").output().ok()?;
    if !loader.contains("libvulkan.so.1") {
        return None;
    }
    let drivers = VULKAN_FOLDERS.iter().filter_map(|folder| std::fs::read_dir(folder).ok());
    // The software driver's name starts with lvp: it works on every machine, so it is the one to report.
    let names = drivers.flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.min_by_key(|name| !name.starts_with("lvp"))
}

/// Installs Debian packages.
///
/// # Errors
/// The system has no apt-get, this is not root, or apt-get failed.
fn apt_install(packages: &[&str], log: &Log) -> Result<()> {
    let Some(apt) = find_program(&["apt-get"]) else {
        bail!("not found, and this system has no apt-get");
    };
    if Tool::new("id").arg("-u").output()? != "0" {
        bail!("not found, and only root can install {}", packages.join(" "));
    }
    let apt = || Tool::new(&apt).env("DEBIAN_FRONTEND", "noninteractive");
    let install = || apt().args(["install", "-y", "--no-install-recommends"]).args(packages).quiet(log);
    // Package lists are often missing or stale; refreshing them first would cost every machine that has them.
    install().or_else(|_| {
        apt().args(["update"]).quiet(log)?;
        install()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_versions_of_both_programs_are_read() {
        let browser = "Chromium 156.0.8078.79 built on Debian GNU/Linux 12 (bookworm)";
        assert_eq!(major_version(browser).as_deref(), Some("156"));
        assert_eq!(major_version("ChromeDriver 155.0.1 (abc-refs/heads/x@{#1})").as_deref(), Some("155"));
        assert_eq!(major_version("usage:"), None);
    }
}
