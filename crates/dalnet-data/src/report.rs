//! What is odd about a data set that can be used all the same.

use std::collections::BTreeMap;
use std::fmt;

/// Names that a line of the report shows.
const SHOWN: usize = 5;

/// One kind of oddity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// Named by a list, but not there.
    Missing,
    /// Without tags, so that there is nothing to learn from it.
    Untagged,
    /// A tag that the list of classes lacks.
    UnknownTag,
    /// A class that no photo shows.
    UnusedClass,
    /// Named twice by a list.
    ListedTwice,
    /// The same content under two names.
    SameContent,
    /// A file that is neither picture nor tags nor mask.
    OtherFile,
}

impl Finding {
    /// What it is and what is done about it.
    fn describe(self) -> &'static str {
        match self {
            Self::Missing => "listed but missing, left out",
            Self::Untagged => "without tags, left out",
            Self::UnknownTag => "tags that classes.txt lacks, left out",
            Self::UnusedClass => "classes without photos, kept",
            Self::ListedTwice => "listed twice, tags joined",
            Self::SameContent => "the same content under two names, both kept",
            Self::OtherFile => "neither picture nor tags nor mask, left out",
        }
    }
}

/// Everything odd that a reader met, to be shown before training: one line for each kind, with a few names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    findings: BTreeMap<Finding, Vec<String>>,
}

impl Report {
    /// Whether nothing is odd.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// The names of one kind, in the order they were met.
    pub fn names(&self, finding: Finding) -> &[String] {
        self.findings.get(&finding).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn add(&mut self, finding: Finding, name: impl Into<String>) {
        self.findings.entry(finding).or_default().push(name.into());
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (finding, names)) in self.findings.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            let shown = names[..names.len().min(SHOWN)].join(", ");
            let more = if names.len() > SHOWN { ", …" } else { "" };
            write!(formatter, "{separator}{}: {} ({shown}{more})", finding.describe(), names.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_five_names_and_the_count_of_each_kind() {
        let mut report = Report::default();
        assert!(report.is_empty());
        assert_eq!(report.to_string(), "");
        for index in 0..7 {
            report.add(Finding::Untagged, format!("{index}.jpg"));
        }
        report.add(Finding::Missing, "gone.jpg");
        assert!(!report.is_empty());
        assert_eq!(
            report.to_string(),
            "listed but missing, left out: 1 (gone.jpg)\n\
             without tags, left out: 7 (0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg, …)"
        );
        assert_eq!((report.names(Finding::Untagged).len(), report.names(Finding::OtherFile).len()), (7, 0));
    }
}
