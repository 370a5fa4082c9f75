//! What a visitor downloads, and the limits on it.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Largest wasm file as gzip, in bytes: the engine has 3.2 MB today, about two seconds of an ordinary connection. A
/// dependency that adds a tenth to it should be a decision.
const WASM_GZIP_LIMIT: u64 = 3_600_000;

/// Largest model as gzip, in bytes, all files of it together: the shipped ViT-Ti/16 with its head, as int8, has 7.0 MB.
const MODEL_GZIP_LIMIT: u64 = 7_000_000;

/// The folder of the model's files in the site.
const MODEL: &str = "model/";

/// Largest other file, in bytes: what free static hosts take, and what belongs into a git repository.
const FILE_LIMIT: u64 = 20_000_000;

/// One file of the site.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shipped {
    /// Path below the site's folder, with `/`.
    path: String,
    /// Size in bytes.
    raw: u64,
    /// Size in bytes as gzip, which every static host applies to wasm and text.
    gzip: u64,
}

/// Every file below `folder`, the largest first.
///
/// # Errors
/// The folder or a file in it cannot be read.
pub(crate) fn measure(folder: &Path) -> Result<Vec<Shipped>> {
    let mut shipped = Vec::new();
    collect(folder, "", &mut shipped)?;
    shipped.sort_by(|a, b| b.raw.cmp(&a.raw).then_with(|| a.path.cmp(&b.path)));
    Ok(shipped)
}

fn collect(folder: &Path, prefix: &str, shipped: &mut Vec<Shipped>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), shipped)?;
            continue;
        }
        let bytes = fs::read(entry.path()).with_context(|| format!("reading {}", entry.path().display()))?;
        let (raw, gzip) = (bytes.len() as u64, gzip_size(&bytes)?);
        shipped.push(Shipped { path, raw, gzip });
    }
    Ok(())
}

fn gzip_size(bytes: &[u8]) -> Result<u64> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len() as u64)
}

/// The files as lines of kilobytes, with a sum.
pub(crate) fn table(shipped: &[Shipped]) -> String {
    let width = shipped.iter().map(|file| file.path.len()).max().unwrap_or(0).max("file".len());
    let line = |path: &str, raw: &str, gzip: &str| format!("  {path:<width$} {raw:>12} {gzip:>12}\n");
    let kilobytes = |bytes: u64| format!("{:.1} kB", bytes as f64 / 1e3);
    let mut text = line("file", "raw", "gzip");
    for file in shipped {
        text += &line(&file.path, &kilobytes(file.raw), &kilobytes(file.gzip));
    }
    let sum = |size: fn(&Shipped) -> u64| kilobytes(shipped.iter().map(size).sum());
    text + &line("all", &sum(|file| file.raw), &sum(|file| file.gzip))
}

/// Holds the site against its limits.
///
/// # Errors
/// No wasm file is shipped, or files are over their limit: all of them are named with both numbers.
pub(crate) fn check_budget(shipped: &[Shipped]) -> Result<()> {
    let is_wasm = |file: &Shipped| file.path.ends_with(".wasm");
    if !shipped.iter().any(is_wasm) {
        bail!("the site ships no wasm file: the engine is missing from the build");
    }
    let mut over = String::new();
    for file in shipped {
        let (size, limit, kind) =
            if is_wasm(file) { (file.gzip, WASM_GZIP_LIMIT, "as gzip") } else { (file.raw, FILE_LIMIT, "raw") };
        if size > limit {
            over += &format!("\n  {}: {size} bytes {kind}, the limit is {limit}", file.path);
        }
    }
    let model: u64 = shipped.iter().filter(|file| file.path.starts_with(MODEL)).map(|file| file.gzip).sum();
    if model > MODEL_GZIP_LIMIT {
        over += &format!("\n  {MODEL}: {model} bytes as gzip, the limit is {MODEL_GZIP_LIMIT}");
    }
    if !over.is_empty() {
        bail!("over the size budget (the limits and their reasons stand in crates/xtask/src/sizes.rs):{over}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, raw: u64, gzip: u64) -> Shipped {
        let path = path.to_owned();
        Shipped { path, raw, gzip }
    }

    #[test]
    fn files_are_measured_in_all_folders_largest_first() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("assets")).unwrap();
        fs::write(folder.path().join("assets/a.js"), vec![b'a'; 5000]).unwrap();
        fs::write(folder.path().join("index.html"), "<p>").unwrap();
        let shipped = measure(folder.path()).unwrap();
        let paths: Vec<_> = shipped.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["assets/a.js", "index.html"]);
        assert!(shipped[0].raw == 5000 && shipped[0].gzip < 100);
    }

    #[test]
    fn the_table_sums_both_columns() {
        let text = table(&[file("a.wasm", 20_000_000, 3_000_000), file("b.js", 500_000, 100_000)]);
        let last = text.lines().last().unwrap();
        let words: Vec<_> = last.split_whitespace().collect();
        assert_eq!(words, ["all", "20500.0", "kB", "3100.0", "kB"]);
    }

    #[test]
    fn the_budget_names_every_file_over_its_limit() {
        let engine = || file("engine.wasm", 30_000_000, WASM_GZIP_LIMIT);
        check_budget(&[engine(), file("model.safetensors", FILE_LIMIT, FILE_LIMIT)]).unwrap();
        let shipped = [file("fat.wasm", 30_000_000, WASM_GZIP_LIMIT + 1), file("big.bin", FILE_LIMIT + 1, 1)];
        let text = check_budget(&shipped).unwrap_err().to_string();
        for part in [format!("fat.wasm: {}", WASM_GZIP_LIMIT + 1), format!("big.bin: {}", FILE_LIMIT + 1)] {
            assert!(text.contains(&part), "{text}");
        }
        // Each part of a model is small, all of them together are not.
        let part = |name: &str, gzip| file(&format!("model/{name}.safetensors"), 8_000_000, gzip);
        check_budget(&[engine(), part("a", MODEL_GZIP_LIMIT - 5), part("b", 5)]).unwrap();
        let text = check_budget(&[engine(), part("a", MODEL_GZIP_LIMIT - 5), part("b", 6)]).unwrap_err().to_string();
        assert!(text.contains(&format!("model/: {} bytes as gzip", MODEL_GZIP_LIMIT + 1)), "{text}");
        assert!(check_budget(&[file("index.html", 1, 1)]).is_err());
    }
}
