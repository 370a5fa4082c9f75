//! One of several equal jobs on a list: told by `--shard`, a Slurm array or an indexed Kubernetes job.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use clap::Args;

/// Which part of the work is this job's.
#[derive(Debug, Args)]
pub(crate) struct ShardOptions {
    /// Only the I-th of N equal parts, for example 2/8; a Slurm array tells it by itself
    #[arg(long, value_name = "I/N", conflicts_with = "shards")]
    shard: Option<Shard>,
    /// In an indexed Kubernetes job: its number of completions
    #[arg(long, value_name = "N")]
    shards: Option<usize>,
}

impl ShardOptions {
    /// The part, from the options or from `variable`s of the environment.
    ///
    /// # Errors
    /// Variables of the scheduler that contradict one another, or that leave the number of parts open.
    pub(crate) fn shard(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Shard> {
        if let Some(shard) = self.shard {
            return Ok(shard);
        }
        let number = |name: &str| -> Result<Option<usize>> {
            let Some(text) = variable(name) else { return Ok(None) };
            Ok(Some(text.parse().with_context(|| format!("{name}={text} is no number; give --shard I/N"))?))
        };
        if let Some(count) = self.shards {
            let index = number("JOB_COMPLETION_INDEX")?.context(
                "--shards wants JOB_COMPLETION_INDEX of an indexed Kubernetes job; elsewhere give --shard I/N",
            )?;
            return Shard::new(index, count);
        }
        if let Some(task) = number("SLURM_ARRAY_TASK_ID")? {
            let count = number("SLURM_ARRAY_TASK_COUNT")?
                .context("SLURM_ARRAY_TASK_ID without SLURM_ARRAY_TASK_COUNT; give --shard I/N")?;
            let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
            let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
            let index =
                task.checked_sub(first).filter(|offset| offset.is_multiple_of(step)).map(|offset| offset / step);
            return index.context("a task before the first").and_then(|index| Shard::new(index, count)).with_context(
                || format!("Slurm task {task} of {count} from {first}: use an array without gaps, as 0-7"),
            );
        }
        if let Some(index) = number("JOB_COMPLETION_INDEX")? {
            bail!("JOB_COMPLETION_INDEX={index} without --shards; set it to the job's completions");
        }
        Shard::new(0, 1)
    }
}

/// Every `count`-th element from `index` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    index: usize,
    count: usize,
}

impl Shard {
    fn new(index: usize, count: usize) -> Result<Self> {
        if index >= count {
            bail!("part {} of {count} does not exist; parts are 1 to the number of parts", index + 1);
        }
        Ok(Self { index, count })
    }

    /// Its elements of a list, in their order. All shards of a count are disjoint and together the list.
    pub(crate) fn of<T>(self, list: Vec<T>) -> Vec<T> {
        list.into_iter().skip(self.index).step_by(self.count).collect()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.index + 1, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(part, count)| Some((part.parse().ok()?, count.parse().ok()?)));
        let (part, count): (usize, usize) = parts.ok_or_else(|| format!("{text:?} is not I/N, for example 2/8"))?;
        let index = part.checked_sub(1).ok_or("parts count from 1, for example 1/8")?;
        Self::new(index, count).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(options: &ShardOptions, variables: &[(&str, &str)]) -> Result<Shard> {
        options.shard(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    const NOTHING: ShardOptions = ShardOptions { shard: None, shards: None };

    #[test]
    fn shards_are_disjoint_and_complete() {
        for count in 1..9 {
            let shards = (0..count).map(|index| Shard::new(index, count).unwrap().of((0..23).collect::<Vec<_>>()));
            let shards = shards.inspect(|part| assert!((23 / count..=23 / count + 1).contains(&part.len())));
            let mut all = shards.flatten().collect::<Vec<_>>();
            all.sort_unstable();
            assert_eq!(all, (0..23).collect::<Vec<_>>(), "{count} shards");
        }
    }

    #[test]
    fn schedulers_tell_the_shard() {
        assert_eq!(told(&NOTHING, &[]).unwrap(), Shard { index: 0, count: 1 });
        let slurm = |task, step| {
            let variables =
                [("SLURM_ARRAY_TASK_ID", task), ("SLURM_ARRAY_TASK_COUNT", "4"), ("SLURM_ARRAY_TASK_MIN", "1")];
            told(&NOTHING, &[&variables[..], &[("SLURM_ARRAY_TASK_STEP", step)]].concat())
        };
        assert_eq!(slurm("1", "1").unwrap(), Shard { index: 0, count: 4 });
        assert_eq!(slurm("4", "1").unwrap(), Shard { index: 3, count: 4 });
        assert_eq!(slurm("7", "2").unwrap(), Shard { index: 3, count: 4 });
        assert!(slurm("9", "1").is_err() && slurm("0", "1").is_err() && slurm("4", "2").is_err());
        let pods = ShardOptions { shard: None, shards: Some(8) };
        assert_eq!(told(&pods, &[("JOB_COMPLETION_INDEX", "7")]).unwrap(), Shard { index: 7, count: 8 });
        assert!(told(&pods, &[("JOB_COMPLETION_INDEX", "8")]).is_err());
        assert!(told(&pods, &[]).is_err());
        assert!(told(&NOTHING, &[("JOB_COMPLETION_INDEX", "1")]).is_err(), "every pod would do everything");
        let asked = ShardOptions { shard: Some("2/3".parse().unwrap()), shards: None };
        assert_eq!(told(&asked, &[("SLURM_ARRAY_TASK_ID", "9")]).unwrap(), Shard { index: 1, count: 3 });
        for wrong in ["0/3", "4/3", "2", "a/b", "1/0"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
