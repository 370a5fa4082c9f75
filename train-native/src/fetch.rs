//! `train-native fetch`: data sets and pre-trained weights from where their authors publish them.

mod download;
mod registry;
mod unpack;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use download::Download;
use registry::{Asset, Part};

/// Options of `train-native fetch`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What to fetch
    #[arg(required = true, value_enum)]
    assets: Vec<Asset>,
    /// Folder for the files; archives are unpacked there and stay
    #[arg(long, default_value = ".")]
    out: PathBuf,
}

/// Fetches every asset, or what is still missing of it.
pub(crate) fn run(options: &Options) -> Result<()> {
    for asset in &options.assets {
        eprintln!("{}\nlicence: {}", asset.description(), asset.licence());
        for part in asset.parts() {
            fetch(part, options)?;
        }
        println!("{}", asset.next_step(&options.out));
    }
    Ok(())
}

fn fetch(part: &Part, options: &Options) -> Result<()> {
    let path = options.out.join(part.file);
    let download = Download { url: part.url, path: &path, md5: part.md5 };
    eprintln!("{} (about {} MB) to {}", part.url, part.megabytes, path.display());
    let sha256 = download.run()?;
    let known = if part.md5.is_some() {
        "the published MD5 is right"
    } else {
        "no digest is published: noted for the next time"
    };
    println!("{}  sha256 {sha256}; {known}", path.display());
    if let Some(folder) = part.unpacks_to {
        let unpacked = options.out.join(folder);
        if unpacked.exists() {
            eprintln!("{} is there already; remove it to unpack it again", unpacked.display());
        } else {
            unpack::unpack(&path, folder, &options.out)
                .with_context(|| format!("{}: cannot be unpacked", path.display()))?;
        }
    }
    Ok(())
}
