//! Every test of the repository, in the order in which a failure is cheapest to learn of.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::process::Tool;
use crate::workspace::Workspace;
use crate::{engine, setup, site, sizes};

/// Seconds for all tests of the engine in the browser: a software GPU needs minutes for its first shaders.
const BROWSER_TEST_SECONDS: &str = "600";

/// Seconds for chromedriver to open its port on a machine that is busy compiling.
const DRIVER_SECONDS: &str = "60";

/// One check, in the order of running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Check {
    /// rustfmt would change nothing
    Format,
    /// clippy has no warning
    Clippy,
    /// Rust tests on this machine, documentation examples included
    Native,
    /// the engine's tests in headless Chromium
    Wasm,
    /// types and style of the page's code
    Types,
    /// the site builds
    Site,
    /// the site keeps its size budget
    Size,
    /// the page in Chromium through Playwright
    Page,
}

impl Check {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// What the checks share: the engine and the site are built at most once.
struct Run<'a> {
    workspace: &'a Workspace,
    engine_built: Cell<bool>,
    site_built: Cell<bool>,
}

struct Verdict {
    check: Check,
    passed: bool,
    time: Duration,
}

/// Runs the checks `only`, or all where it is empty, prints a summary, and ends with the line `N passed, M failed`.
pub(crate) fn run(workspace: &Workspace, only: &[Check]) -> ExitCode {
    let run = Run { workspace, engine_built: Cell::new(false), site_built: Cell::new(false) };
    let chosen = Check::value_variants().iter().filter(|check| only.is_empty() || only.contains(check));
    let verdicts: Vec<_> = chosen.map(|&check| run.timed(check)).collect();
    print!("{}", summary(&verdicts));
    if verdicts.iter().all(|verdict| verdict.passed) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Run<'_> {
    fn timed(&self, check: Check) -> Verdict {
        let name = check.name();
        println!("==== {name}");
        let start = Instant::now();
        let result = self.perform(check);
        let time = start.elapsed();
        match &result {
            Ok(()) => println!("==== {name} passed, {:.1} s\n", time.as_secs_f32()),
            Err(error) => {
                println!("==== {name} failed: {error:#}\n     run just this: cargo xtask test --only {name}\n")
            }
        }
        let passed = result.is_ok();
        Verdict { check, passed, time }
    }

    fn perform(&self, check: Check) -> Result<()> {
        match check {
            Check::Format => self.cargo(&["fmt", "--all", "--", "--check", "-l"]),
            Check::Clippy => self.cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
            Check::Native => self.cargo(&["test", "--workspace"]),
            Check::Wasm => self.wasm(),
            Check::Types => {
                self.build_engine()?;
                self.npm("check")
            }
            Check::Site => self.build_site(),
            Check::Size => {
                self.build_site()?;
                sizes::check_budget(&sizes::measure(&self.workspace.dist())?)
            }
            Check::Page => {
                self.build_site()?;
                self.npm("test:browser")
            }
        }
    }

    fn cargo(&self, words: &[&str]) -> Result<()> {
        Tool::new("cargo").args(words).current_dir(&self.workspace.root).run()
    }

    fn npm(&self, script: &str) -> Result<()> {
        Tool::new("npm")
            .args(["run", "--silent", script])
            .current_dir(&self.workspace.web)
            .env("DALNET_CHROME", setup::chrome()?)
            .run()
    }

    fn wasm(&self) -> Result<()> {
        Tool::new(self.workspace.tool("wasm-pack"))
            .args(["test", "--headless", "--chrome", "--release", "--chromedriver"])
            .arg(setup::chromedriver()?)
            .arg(self.workspace.web.join("engine"))
            .current_dir(&self.workspace.root)
            // wasm-pack takes wasm-bindgen from PATH, or else downloads one.
            .path_first(&self.workspace.tools().join("bin"))?
            .env("WASM_BINDGEN_TEST_TIMEOUT", BROWSER_TEST_SECONDS)
            .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", DRIVER_SECONDS)
            .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", self.browser_settings()?)
            .env_remove("RUSTFLAGS")
            .run()
    }

    /// The engine's `webdriver.json` with this machine's browser: the file that wasm-pack's test runner is to use.
    fn browser_settings(&self) -> Result<PathBuf> {
        let path = self.workspace.web.join("engine/webdriver.json");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let mut settings: serde_json::Value =
            serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
        settings["goog:chromeOptions"]["binary"] = setup::chrome()?.display().to_string().into();
        let chosen = self.workspace.target.join("webdriver.json");
        fs::write(&chosen, settings.to_string()).with_context(|| format!("writing {}", chosen.display()))?;
        Ok(chosen)
    }

    fn build_engine(&self) -> Result<()> {
        once(&self.engine_built, || engine::build(self.workspace))
    }

    fn build_site(&self) -> Result<()> {
        self.build_engine()?;
        once(&self.site_built, || site::build(self.workspace))
    }
}

/// Does the work unless it was done before with success.
fn once(done: &Cell<bool>, work: impl FnOnce() -> Result<()>) -> Result<()> {
    if !done.get() {
        work()?;
        done.set(true);
    }
    Ok(())
}

fn summary(verdicts: &[Verdict]) -> String {
    let mut text = String::from("==== summary\n");
    for Verdict { check, passed, time } in verdicts {
        let word = if *passed { "passed" } else { "failed" };
        text += &format!("  {:<8} {word} {:>8.1} s\n", check.name(), time.as_secs_f32());
    }
    let failed = verdicts.iter().filter(|verdict| !verdict.passed).count();
    text + &format!("{} passed, {failed} failed\n", verdicts.len() - failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cheap_checks_run_first_and_the_site_before_what_reads_it() {
        let order = Check::value_variants();
        let position = |check| order.iter().position(|&c| c == check).unwrap();
        assert_eq!(position(Check::Format), 0);
        assert!(position(Check::Site) < position(Check::Size));
        assert!(position(Check::Site) < position(Check::Page));
    }

    #[test]
    fn the_summary_ends_with_the_counts_alone() {
        let verdict = |check, passed| Verdict { check, passed, time: Duration::from_secs(2) };
        let text = summary(&[verdict(Check::Format, true), verdict(Check::Page, false)]);
        assert_eq!(text.lines().last(), Some("1 passed, 1 failed"));
        assert!(text.contains("page     failed      2.0 s"), "{text}");
    }

    #[test]
    fn work_is_repeated_only_after_a_failure() {
        let done = Cell::new(false);
        assert!(once(&done, || anyhow::bail!("no")).is_err());
        once(&done, || Ok(())).unwrap();
        once(&done, || anyhow::bail!("never called")).unwrap();
    }
}
