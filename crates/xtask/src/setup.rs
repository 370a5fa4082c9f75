//! Set-up: what must be on the machine before anything builds, step by step, each safe to repeat.

mod browser;
mod node;
mod rust;
mod tools;
mod wasm_std;
mod wasm_std_source;

use std::fmt;
use std::io::Write;
use std::time::Instant;

use anyhow::Result;

use crate::process::Log;
use crate::workspace::Workspace;

pub(crate) use browser::{chrome, chromedriver};

/// What the set-up is for; each purpose needs the steps of the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// Building and serving the site.
    Site,
    /// Running every test.
    Tests,
}

/// What a step found or did.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing to do; the text says what is there.
    Present(String),
    /// It was missing; the text says what was put there.
    Installed(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present(what) => write!(formatter, "present: {what}"),
            Self::Installed(what) => write!(formatter, "installed: {what}"),
        }
    }
}

/// One thing that the machine needs.
struct Step {
    name: &'static str,
    needed_from: Purpose,
    remedy: &'static str,
    ensure: fn(&Workspace, &Log) -> Result<Outcome>,
}

/// Cheap checks first, so that a machine which lacks something says so before anything is compiled.
const STEPS: [Step; 8] = [
    Step { name: "Rust toolchain", needed_from: Purpose::Site, remedy: rust::REMEDY, ensure: rust::ensure },
    Step { name: "Node", needed_from: Purpose::Site, remedy: node::NODE_REMEDY, ensure: node::ensure_node },
    Step {
        name: "npm packages",
        needed_from: Purpose::Site,
        remedy: node::PACKAGES_REMEDY,
        ensure: node::ensure_packages,
    },
    Step {
        name: "Chromium",
        needed_from: Purpose::Tests,
        remedy: browser::CHROMIUM_REMEDY,
        ensure: browser::ensure_chromium,
    },
    Step {
        name: "Vulkan driver",
        needed_from: Purpose::Tests,
        remedy: browser::VULKAN_REMEDY,
        ensure: browser::ensure_vulkan,
    },
    Step {
        name: "wasm standard library",
        needed_from: Purpose::Site,
        remedy: wasm_std::REMEDY,
        ensure: wasm_std::ensure,
    },
    Step {
        name: "wasm-bindgen",
        needed_from: Purpose::Site,
        remedy: tools::REMEDY,
        ensure: tools::ensure_wasm_bindgen,
    },
    Step { name: "wasm-pack", needed_from: Purpose::Tests, remedy: tools::REMEDY, ensure: tools::ensure_wasm_pack },
];

fn steps_for(purpose: Purpose) -> impl Iterator<Item = &'static Step> {
    STEPS.iter().filter(move |step| step.needed_from <= purpose)
}

/// A step that could not be done: which, why, and what the user can do.
#[derive(Debug)]
struct Failure {
    step: &'static str,
    why: anyhow::Error,
    remedy: &'static str,
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, why, remedy } = self;
        write!(formatter, "set-up stopped at: {step}\n\nwhy: {why:#}\n\nremedy: {remedy}")
    }
}

/// Brings the machine to the state that `purpose` needs, one printed line per step.
///
/// # Errors
/// The first step that fails, with its cause and remedy.
pub(crate) fn set_up(workspace: &Workspace, purpose: Purpose) -> Result<()> {
    println!("Set-up ({})", workspace.cache.display());
    for step in steps_for(purpose) {
        let start = Instant::now();
        print!("  {:<22} ", step.name);
        std::io::stdout().flush()?;
        let log = workspace.cache.join("logs").join(format!("{}.log", step.name.replace(' ', "-")));
        let outcome = Log::create(log).and_then(|log| (step.ensure)(workspace, &log));
        match outcome {
            Ok(outcome) => println!("{outcome}, {:.1} s", start.elapsed().as_secs_f32()),
            Err(why) => {
                println!("failed");
                let (step, remedy) = (step.name, step.remedy);
                return Err(Failure { step, why, remedy }.into());
            }
        }
    }
    println!();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_site_needs_no_browser() {
        let names: Vec<_> = steps_for(Purpose::Site).map(|step| step.name).collect();
        assert!(names.contains(&"wasm-bindgen"));
        assert!(!names.contains(&"Chromium") && !names.contains(&"wasm-pack"));
        assert_eq!(steps_for(Purpose::Tests).count(), STEPS.len());
    }

    #[test]
    fn nothing_is_compiled_before_every_check_has_passed() {
        let names: Vec<_> = steps_for(Purpose::Tests).map(|step| step.name).collect();
        let position = |name| names.iter().position(|&n| n == name).unwrap();
        assert!(position("Rust toolchain") < position("wasm standard library"));
        assert!(position("Vulkan driver") < position("wasm standard library"));
        assert!(position("wasm standard library") < position("wasm-bindgen"));
    }

    #[test]
    fn a_failure_says_which_step_why_and_the_remedy() {
        let failure = Failure { step: "Node", why: anyhow::anyhow!("not found"), remedy: "install it" };
        let text = failure.to_string();
        for part in ["Node", "why: not found", "remedy: install it"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
