//! The wasm standard library from Debian's source package, for machines that rustup's server cannot be reached from.
//!
//! The result is kept in the cache: a fresh toolchain of the same version gets the same files again,
//! and everything compiled against them stays valid.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::rust::Toolchain;
use crate::process::{Log, Tool, find_program};
use crate::workspace::{WASM_TARGET, Workspace};

/// Suites that may hold the pinned version: backports keep it longest.
const SUITES: [&str; 4] = ["trixie-backports", "trixie", "forky", "sid"];

/// What [`Toolchain::library`] is made from.
pub(super) fn install(workspace: &Workspace, toolchain: &Toolchain, log: &Log) -> Result<()> {
    let work = workspace.cache.join("wasm-std").join(&toolchain.version);
    let kept = work.join("lib");
    if !kept.is_dir() {
        fs::create_dir_all(&work).with_context(|| format!("making {}", work.display()))?;
        let package = download(&work, &toolchain.version, log)?;
        let source = unpack(&work, &package, log)?;
        let target = work.join("target");
        compile(toolchain, &source, &target, log)?;
        copy_crates(&target.join(WASM_TARGET).join("dist/deps"), &kept)?;
        for folder in [target, work.join("source")] {
            fs::remove_dir_all(&folder).with_context(|| format!("clearing {}", folder.display()))?;
        }
    }
    copy_crates(&kept, &toolchain.library())
}

/// Fetches the package `rust-src` of the compiler's version through apt, with a private list of the
/// system's own mirror and other suites: the system's sources stay as they are.
fn download(work: &Path, version: &str, log: &Log) -> Result<PathBuf> {
    if find_program(&["apt-get"]).is_none() {
        bail!("rustup could not add the target (see its log), and this is no Debian system");
    }
    if let Some(package) = downloaded(work, version)? {
        return Ok(package);
    }
    let addresses =
        Tool::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]).output()?;
    let mirror = debian_mirror(&addresses).context("none of apt's sources is a Debian archive")?;
    for suite in SUITES {
        let apt = private_apt(work, mirror, suite)?;
        let run = |words: &[&str]| Tool::new("apt-get").args(&apt).args(words).current_dir(work).quiet(log);
        // A suite that is gone, or that has moved on to another version, is the ordinary case.
        let fetched = run(&["update"]).and_then(|()| run(&["download", &format!("rust-src={version}*")]));
        if fetched.is_ok()
            && let Some(package) = downloaded(work, version)?
        {
            return Ok(package);
        }
    }
    bail!("rustup could not add the target, and no suite of {SUITES:?} at {mirror} has rust-src {version}")
}

fn downloaded(work: &Path, version: &str) -> Result<Option<PathBuf>> {
    let start = format!("rust-src_{version}");
    for entry in fs::read_dir(work).with_context(|| format!("reading {}", work.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if name.starts_with(&start) && name.ends_with(".deb") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The main archive among apt's repository addresses.
fn debian_mirror(addresses: &str) -> Option<&str> {
    addresses.lines().map(str::trim).find(|address| address.trim_end_matches('/').ends_with("/debian"))
}

/// apt options for one suite of `mirror` whose lists and downloads stay under `work`.
fn private_apt(work: &Path, mirror: &str, suite: &str) -> Result<Vec<String>> {
    let folder = work.join("apt").join(suite);
    for inner in ["lists/partial", "cache/archives/partial"] {
        let inner = folder.join(inner);
        fs::create_dir_all(&inner).with_context(|| format!("making {}", inner.display()))?;
    }
    let list = folder.join("sources.list");
    let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
    fs::write(&list, format!("deb [signed-by={keyring}] {mirror} {suite} main\n"))
        .with_context(|| format!("writing {}", list.display()))?;
    let folder = folder.display();
    let settings = [
        format!("Dir::Etc::sourcelist={}", list.display()),
        "Dir::Etc::sourceparts=-".to_owned(),
        format!("Dir::State::lists={folder}/lists"),
        format!("Dir::Cache={folder}/cache"),
        "Acquire::Languages=none".to_owned(),
        // apt's own user cannot write under the home folder.
        "APT::Sandbox::User=root".to_owned(),
    ];
    Ok(settings.into_iter().flat_map(|setting| ["-o".to_owned(), setting]).collect())
}

/// Unpacks the package and returns the folder of the library's cargo workspace.
fn unpack(work: &Path, package: &Path, log: &Log) -> Result<PathBuf> {
    let folder = work.join("source");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("clearing {}", folder.display()))?;
    }
    Tool::new("dpkg-deb").arg("--extract").arg(package).arg(&folder).quiet(log)?;
    let sources = folder.join("usr/src");
    for entry in fs::read_dir(&sources).with_context(|| format!("reading {}", sources.display()))? {
        let library = entry?.path().join("library");
        if library.join("Cargo.toml").is_file() {
            return Ok(library);
        }
    }
    bail!("{} holds no Rust library", package.display())
}

/// Builds the library the way the Rust project ships it, with the toolchain's own compiler.
fn compile(toolchain: &Toolchain, source: &Path, target: &Path, log: &Log) -> Result<()> {
    let program = |name: &str| toolchain.sysroot.join("bin").join(name);
    let flags = [
        // What only the compiler may use stays unusable for others.
        "-Zforce-unstable-if-unmarked".to_owned(),
        "-Cembed-bitcode=yes".to_owned(),
        // The same files from whatever folder they are built in.
        format!("--remap-path-prefix={}=/rustc/library", source.display()),
    ];
    Tool::new(program("cargo"))
        .args(["build", "--locked", "--profile", "dist", "--target", WASM_TARGET])
        .args(["--package", "sysroot", "--features", "panic-unwind backtrace"])
        .current_dir(source)
        .env("RUSTC", program("rustc"))
        .env("RUSTC_BOOTSTRAP", "1")
        // Gives the crates names of their own, so that none meets a crate of the same version from a registry.
        .env("__CARGO_DEFAULT_LIB_METADATA", "dalnet-wasm-std")
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env_remove("RUSTFLAGS")
        .quiet(log)
}

/// Copies compiled crates into a folder that appears only when it is complete.
fn copy_crates(from: &Path, to: &Path) -> Result<()> {
    let partial = to.with_extension("partial");
    for folder in [&partial, &to.to_path_buf()] {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("clearing {}", folder.display()))?;
        }
    }
    fs::create_dir_all(&partial)
        .with_context(|| format!("making {} (the toolchain's folder must be writable)", partial.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        // The crate `sysroot` only names the others.
        if name.ends_with(".rlib") && !name.starts_with("libsysroot") {
            let copy = partial.join(name);
            fs::copy(&path, &copy).with_context(|| format!("writing {}", copy.display()))?;
        }
    }
    fs::rename(&partial, to).with_context(|| format!("writing {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_main_archive() {
        let addresses = "http://mirror/debian-security/\nhttp://mirror/debian/\nhttp://other/node";
        assert_eq!(debian_mirror(addresses), Some("http://mirror/debian/"));
        assert_eq!(debian_mirror("http://mirror/ubuntu/"), None);
    }

    #[test]
    fn only_crates_are_copied_and_an_older_copy_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("deps"), folder.path().join("rustlib/lib"));
        fs::create_dir_all(&from).unwrap();
        fs::create_dir_all(&to).unwrap();
        fs::write(to.join("libold.rlib"), "").unwrap();
        for name in ["libstd-1.rlib", "libsysroot-1.rlib", "std-1.d"] {
            fs::write(from.join(name), "").unwrap();
        }
        copy_crates(&from, &to).unwrap();
        let names: Vec<_> = fs::read_dir(&to).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["libstd-1.rlib"]);
    }
}
