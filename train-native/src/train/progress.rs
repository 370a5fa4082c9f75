//! What a run shows and writes down: a bar with the losses, `metrics.jsonl`, its curves.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;
use dalnet::alignment::collapse::Separation;
use dalnet::objective::Term;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::curves;
use super::memory;
use super::step::Losses;
use crate::evaluate::Report;

/// Most steps between lines where there is no terminal, and between entries of `metrics.jsonl`.
const LOG_EVERY: usize = 20;
/// Steps after which an alignment that separates nothing is worth a warning.
const SETTLED: usize = 100;

/// What is shown while a run goes on: the `--log` argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogForm {
    /// A bar on a terminal; the entries of metrics.jsonl on stdout where that is piped
    Auto,
    /// The bar, or lines where stderr is no terminal
    Bar,
    /// The entries of metrics.jsonl on stdout
    Json,
}

pub(super) struct Progress {
    bar: ProgressBar,
    run: PathBuf,
    metrics: File,
    /// Whether entries go to stdout too.
    entries: bool,
    /// Whether stderr shows the bar; it gets lines else.
    shows_bar: bool,
    batch: usize,
    total: usize,
    since: Instant,
    steps: usize,
    /// Sum and number of each loss.
    losses: BTreeMap<Term, (f64, usize)>,
    wait: Duration,
    /// Whether the alignment was said to have collapsed.
    warned: bool,
}

impl Progress {
    /// Opens `metrics.jsonl` in the run's folder for appending.
    ///
    /// # Errors
    /// A folder that cannot be made or written to.
    pub(super) fn new(run: &Path, form: LogForm, done: usize, total: usize, batch: usize) -> Result<Self> {
        fs::create_dir_all(run)
            .with_context(|| format!("{}: this folder cannot be made; choose another --out", run.display()))?;
        let path = run.join("metrics.jsonl");
        let metrics = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("{}: cannot be written; choose another --out", path.display()))?;
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}").context("the bar's template")?;
        let bar = ProgressBar::new(total as u64).with_position(done as u64).with_style(style);
        let now = Instant::now();
        Ok(Self {
            bar,
            run: run.to_owned(),
            metrics,
            entries: form == LogForm::Json || (form == LogForm::Auto && !std::io::stdout().is_terminal()),
            shows_bar: form != LogForm::Json && std::io::stderr().is_terminal(),
            batch,
            total,
            since: now,
            steps: 0,
            losses: BTreeMap::new(),
            wait: Duration::ZERO,
            warned: false,
        })
    }

    /// Counts a finished step.
    pub(super) fn step(&mut self, losses: &Losses, wait: Duration) {
        for (term, loss) in losses {
            let (sum, count) = self.losses.entry(*term).or_default();
            *sum += loss;
            *count += 1;
        }
        self.wait += wait;
        self.steps += 1;
        self.bar.inc(1);
    }

    /// Whether [`Self::log`] will write after the next step.
    pub(super) fn is_due(&self, due: bool) -> bool {
        due || self.steps + 1 >= LOG_EVERY
    }

    /// Shows and writes the mean of the steps since the last time, after [`LOG_EVERY`] of them or when `due`: before a
    /// checkpoint, so that a resumed run writes the same entries as an unbroken one.
    pub(super) fn log(&mut self, done: usize, rate: f64, separation: Option<Separation>, due: bool) -> Result<()> {
        if self.steps < LOG_EVERY && !due {
            return Ok(());
        }
        let elapsed = self.since.elapsed().as_secs_f64();
        let mean = self.losses.iter().map(|(term, (sum, count))| (*term, sum / *count as f64)).collect::<Losses>();
        let named = mean.iter().map(|(term, loss)| format!("{term} {loss:.4}")).collect::<Vec<_>>().join("  ");
        let separate = separation.map_or(String::new(), |separation| {
            let Separation { texts, class_token_gap, patch_gap } = separation;
            format!("  texts {texts:.3}, gap {class_token_gap:.2}, of patches {patch_gap:.2}")
        });
        let pictures_per_second = (self.steps * self.batch) as f64 / elapsed;
        let seconds_left = (self.total - done) as f64 * elapsed / self.steps as f64;
        let waited = self.wait.as_secs_f64() / elapsed;
        let line = format!(
            "{named}{separate}  rate {rate:.2e}  {pictures_per_second:.1} pictures/s, data wait {:.0} %, {} left",
            100.0 * waited,
            clock(seconds_left)
        );
        self.write(&json!({
            "iteration": done, "losses": mean, "learning_rate": rate,
            "pictures_per_second": pictures_per_second, "data_wait": waited, "seconds_left": seconds_left,
            "memory": memory::peak(), "alignment": separation,
        }))?;
        if self.shows_bar {
            self.bar.set_message(line);
        } else {
            self.say(&format!("{done}/{}  {line}", self.total));
        }
        // A young space separates nothing yet.
        if let Some(separation) = separation.filter(|_| done >= SETTLED) {
            let collapse = separation.collapse();
            if let Some(why) = collapse.as_ref().filter(|_| !self.warned) {
                self.say(&format!("warning at iteration {done}: {why}"));
            }
            self.warned = collapse.is_some();
        }
        (self.since, self.steps, self.losses, self.wait) = (Instant::now(), 0, BTreeMap::new(), Duration::ZERO);
        Ok(())
    }

    /// Shows and writes scores on the validation pictures; their time does not count as training.
    pub(super) fn validation(&mut self, done: usize, report: &Report) -> Result<()> {
        self.say(&format!("{done}/{}  {}", self.total, report.summary()));
        self.write(&json!({ "iteration": done, "validation": report }))?;
        self.since = Instant::now();
        Ok(())
    }

    /// Draws `curves.svg` anew from what was written.
    pub(super) fn draw(&self) -> Result<()> {
        curves::draw(&self.run)
    }

    /// A line above the bar.
    pub(super) fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// An entry, to the file and to whoever reads along.
    fn write(&mut self, entry: &serde_json::Value) -> Result<()> {
        if self.entries {
            // A reader that went away must not end the training; the file holds everything.
            let _ = self.bar.suspend(|| writeln!(std::io::stdout(), "{entry}"));
        }
        writeln!(self.metrics, "{entry}").context("metrics.jsonl cannot be written; is the disk full?")
    }
}

fn clock(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    format!("{}:{:02}", minutes / 60, minutes % 60)
}
