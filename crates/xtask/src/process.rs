//! Child processes: one builder that names the command line in every failure.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How often a quiet command shows that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How much of a log a failure repeats, in bytes from its end.
const LOG_TAIL: u64 = 3000;

/// A command that is about to run.
pub(crate) struct Tool {
    command: Command,
    limit: Option<Duration>,
}

impl Tool {
    /// A command by name (looked up in `PATH`) or path.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self { command: Command::new(program), limit: None }
    }

    /// Appends arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Appends one argument.
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Sets a variable of the child's environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes a variable from the child's environment.
    pub(crate) fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Sets the folder that the child starts in.
    pub(crate) fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Puts a folder before everything else in the child's `PATH`.
    pub(crate) fn path_first(self, folder: &Path) -> Result<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(folder.to_path_buf()).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders).context("PATH cannot be extended")?;
        Ok(self.env("PATH", path))
    }

    /// Ends a command of [`Tool::quiet`] that runs longer than `limit`.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Runs the command with this program's own output.
    ///
    /// # Errors
    /// The command cannot start, or ends with another status than 0.
    pub(crate) fn run(mut self) -> Result<()> {
        let status = self.command.status().with_context(|| self.cannot_start())?;
        self.check(status, String::new)
    }

    /// Runs the command and returns what it printed, trimmed.
    ///
    /// # Errors
    /// As [`Tool::run`], with the command's error output, or the output is not UTF-8.
    pub(crate) fn output(mut self) -> Result<String> {
        let output = self.command.output().with_context(|| self.cannot_start())?;
        self.check(output.status, || String::from_utf8_lossy(&output.stderr).into_owned())?;
        let text = String::from_utf8(output.stdout).with_context(|| format!("output of `{}`", self.line()))?;
        Ok(text.trim().to_owned())
    }

    /// Whether the command can start and ends with status 0; prints nothing.
    pub(crate) fn succeeds(mut self) -> bool {
        self.command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// Runs the command with its output appended to the file `log`, and a dot on the terminal
    /// every quarter of a minute.
    ///
    /// # Errors
    /// As [`Tool::run`], or the time limit passed; the message ends with the log's last lines.
    pub(crate) fn quiet(mut self, log: &Log) -> Result<()> {
        let mut file = log.open()?;
        writeln!(file, "$ {}", self.line())?;
        let start = file.metadata()?.len();
        self.command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let mut child = self.command.spawn().with_context(|| self.cannot_start())?;
        let status = self.wait(&mut child)?;
        self.check(status, || format!("{}\n(all of it: {})", log.tail(start), log.path.display()))
    }

    fn wait(&self, child: &mut Child) -> Result<ExitStatus> {
        let start = Instant::now();
        let mut dots = 0;
        loop {
            if let Some(status) = child.try_wait()? {
                if dots > 0 {
                    print!(" ");
                }
                return Ok(status);
            }
            let elapsed = start.elapsed();
            if let Some(limit) = self.limit.filter(|&limit| elapsed > limit) {
                child.kill().and_then(|()| child.wait())?;
                bail!("`{}` was stopped after {} s", self.line(), limit.as_secs());
            }
            if elapsed > HEARTBEAT * (dots + 1) {
                dots += 1;
                print!(".");
                std::io::stdout().flush()?;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn check(&self, status: ExitStatus, said: impl FnOnce() -> String) -> Result<()> {
        if status.success() {
            return Ok(());
        }
        match said().trim() {
            "" => bail!("`{}` failed ({status})", self.line()),
            said => bail!("`{}` failed ({status})\n{said}", self.line()),
        }
    }

    fn cannot_start(&self) -> String {
        format!("`{}` cannot be started", self.line())
    }

    fn line(&self) -> String {
        let program = self.command.get_program().to_owned();
        let words: Vec<OsString> =
            std::iter::once(program).chain(self.command.get_args().map(OsStr::to_owned)).collect();
        words.join(OsStr::new(" ")).to_string_lossy().into_owned()
    }
}

/// A file that collects the output of quiet commands.
pub(crate) struct Log {
    path: PathBuf,
}

impl Log {
    /// An empty log at `path`; its folder is made.
    ///
    /// # Errors
    /// The folder or the file cannot be written.
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        File::create(&path).with_context(|| format!("writing {}", path.display()))?;
        Ok(Self { path })
    }

    fn open(&self) -> Result<File> {
        File::options().append(true).open(&self.path).with_context(|| format!("writing {}", self.path.display()))
    }

    /// The end of what was written since the byte `start`.
    fn tail(&self, start: u64) -> String {
        let read = || -> Result<String> {
            let mut file = File::open(&self.path)?;
            let end = file.metadata()?.len();
            file.seek(SeekFrom::Start(start.max(end.saturating_sub(LOG_TAIL))))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
        };
        read().unwrap_or_default()
    }
}

/// The first of `names` that is a file in a folder of `PATH`.
pub(crate) fn find_program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    names
        .iter()
        .flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)))
        .find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_repeats_its_own_lines_and_names_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::create(folder.path().join("logs/step.log")).unwrap();
        let shell = |script: &str| Tool::new("sh").args(["-c", script]);
        shell("echo earlier").quiet(&log).unwrap();
        let error = shell("echo reason >&2; exit 3").quiet(&log).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("reason") && text.contains("exit 3"), "{text}");
        assert!(!text.contains("earlier"), "{text}");
    }

    #[test]
    fn a_command_past_its_limit_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::create(folder.path().join("step.log")).unwrap();
        let slow = Tool::new("sleep").arg("20").limit(Duration::from_millis(100));
        let error = slow.quiet(&log).unwrap_err();
        assert!(error.to_string().contains("stopped"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Tool::new("no-such-program").run().unwrap_err();
        assert!(error.to_string().contains("no-such-program"), "{error}");
        assert_eq!(find_program(&["no-such-program"]), None);
        assert!(find_program(&["no-such-program", "cargo"]).is_some());
    }
}
