//! One file over HTTP: goes on where it stopped, and is whole or absent under its name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use dalnet_assets::files::{beside, hexadecimal, write_atomically};
use indicatif::{ProgressBar, ProgressStyle};
use md5::Md5;
use sha2::{Digest, Sha256};
use ureq::Agent;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderName, RANGE};

#[cfg(test)]
mod tests;

/// A file to fetch.
#[derive(Debug)]
pub(super) struct Download<'a> {
    pub(super) url: &'a str,
    pub(super) path: &'a Path,
    /// As published, in lower-case hexadecimal.
    pub(super) md5: Option<&'a str>,
}

impl Download<'_> {
    /// Fetches what is missing of the file and returns its SHA-256, which is noted beside it in `NAME.sha256`.
    ///
    /// # Errors
    /// A server that cannot be reached or does not have the file, a connection that breaks off (the next run goes on
    /// from there), and a file that is not the published one, or not the one that was noted.
    pub(super) fn run(&self) -> Result<String> {
        let (partial, note) = (beside(self.path, ".partial"), beside(self.path, ".sha256"));
        let noted = fs::read_to_string(&note).ok().and_then(|text| text.split_whitespace().next().map(str::to_owned));
        let present = self.path.is_file();
        if !present {
            self.receive(&partial)?;
        }
        let file = if present { self.path } else { &partial };
        let (sha256, md5) = digests(file).with_context(|| format!("{}: cannot be read", file.display()))?;
        let wrong = match (self.md5, &noted) {
            (Some(published), _) if published != md5 => Some(format!("its MD5 is {md5} instead of {published}")),
            (_, Some(noted)) if *noted != sha256 => {
                Some(format!("its SHA-256 is {sha256} instead of {noted}, as noted"))
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            if !present {
                fs::remove_file(&partial).with_context(|| format!("{}: cannot be removed", partial.display()))?;
            }
            let remedy = if present { "remove it" } else { "it was removed" };
            bail!("{}: {wrong}; {remedy}, run the same command again", self.path.display());
        }
        if !present {
            fs::rename(&partial, self.path).with_context(|| format!("{}: cannot be renamed", partial.display()))?;
        }
        if noted.is_none() {
            let name = self.path.file_name().unwrap_or_default().to_string_lossy();
            write_atomically(&note, format!("{sha256}  {name}\n").as_bytes())?;
        }
        Ok(sha256)
    }

    /// Completes the partial file.
    fn receive(&self, partial: &Path) -> Result<()> {
        let url = self.url;
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
        }
        let have = fs::metadata(partial).map_or(0, |file| file.len());
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(30)))
            .timeout_recv_response(Some(Duration::from_secs(60)));
        let mut request = Agent::new_with_config(config.build()).get(url);
        if have > 0 {
            request = request.header(RANGE, format!("bytes={have}-"));
        }
        let response = request.call().map_err(|error| {
            anyhow::anyhow!(
                "{url}: cannot be reached ({error}); check network and proxy, then run the same command again"
            )
        })?;
        let header = |name: HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok());
        let range = header(CONTENT_RANGE).unwrap_or_default().to_owned();
        let length = header(CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
        let start = match response.status().as_u16() {
            200 => 0,
            206 if range.starts_with(&format!("bytes {have}-")) => have,
            // Nothing is left to send: the last run stopped before it could rename the file.
            416 if range == format!("bytes */{have}") => return Ok(()),
            status @ (206 | 416) => bail!(
                "{url}: the server answers {status} to the rest from byte {have}; remove {}, run the same command again",
                partial.display()
            ),
            status => bail!(
                "{url}: the server answers {status}; get the file by other means and put it at {}",
                self.path.display()
            ),
        };
        let total = length.map(|length| start + length);
        let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes}  {bytes_per_sec}, {eta} left")?;
        let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new).with_style(style);
        bar.set_position(start);
        let cannot = || format!("{}: cannot be written; is the disk full?", partial.display());
        let mut options = OpenOptions::new();
        let options = if start > 0 { options.append(true) } else { options.write(true).truncate(true) };
        let mut file = options.create(true).open(partial).with_context(cannot)?;
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; 1 << 18];
        let broken = |why: &str, at: u64| {
            anyhow::anyhow!(
                "{url}: broke off after {at} bytes ({why}); run the same command again: it goes on from there"
            )
        };
        let mut position = start;
        loop {
            let count = body.read(&mut buffer).map_err(|error| broken(&error.to_string(), position))?;
            if count == 0 {
                break;
            }
            file.write_all(&buffer[..count]).with_context(cannot)?;
            position += count as u64;
            bar.set_position(position);
        }
        file.sync_all().with_context(cannot)?;
        bar.finish_and_clear();
        match total {
            Some(total) if position < total => Err(broken(&format!("{total} were announced"), position)),
            _ => Ok(()),
        }
    }
}

/// SHA-256 and MD5 of a file, in lower-case hexadecimal.
fn digests(path: &Path) -> io::Result<(String, String)> {
    let mut file = File::open(path)?;
    let (mut sha256, mut md5) = (Sha256::new(), Md5::new());
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((hexadecimal(&sha256.finalize()), hexadecimal(&md5.finalize())));
        }
        sha256.update(&buffer[..count]);
        md5.update(&buffer[..count]);
    }
}
