//! What the suite found.

use std::fmt;

/// What is to be said of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It was kept.
    Kept,
    /// It was not, and how that showed.
    Broken(String),
    /// It was not checked, and why: the peer cannot bring it about, or the transport does
    /// not claim it.
    Unchecked(String),
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleReport {
    /// Its name.
    pub name: &'static str,
    /// What the trait demands.
    pub demand: &'static str,
    /// Whether that was so.
    pub verdict: Verdict,
}

impl fmt::Display for RuleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, demand, .. } = self;
        match &self.verdict {
            Verdict::Kept => write!(f, "kept       {name}"),
            Verdict::Broken(how) => {
                write!(f, "BROKEN     {name}: {how}\n           demanded: {demand}")
            }
            Verdict::Unchecked(why) => write!(f, "unchecked  {name}: {why}"),
        }
    }
}

/// All rules. Shown as a list, one rule a line; broken ones with what is demanded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "look whether all rules were kept"]
#[non_exhaustive]
pub struct SuiteReport {
    /// In the order in which they were checked.
    pub rules: Vec<RuleReport>,
}

impl SuiteReport {
    /// The names of the rules that were broken.
    #[must_use]
    pub fn broken(&self) -> Vec<&'static str> {
        self.names(|verdict| matches!(verdict, Verdict::Broken(_)))
    }

    /// The names of the rules that were kept.
    #[must_use]
    pub fn kept(&self) -> Vec<&'static str> {
        self.names(|verdict| matches!(verdict, Verdict::Kept))
    }

    /// The names of the rules that were not checked.
    #[must_use]
    pub fn unchecked(&self) -> Vec<&'static str> {
        self.names(|verdict| matches!(verdict, Verdict::Unchecked(_)))
    }

    fn names(&self, are_meant: impl Fn(&Verdict) -> bool) -> Vec<&'static str> {
        let meant = self.rules.iter().filter(|rule| are_meant(&rule.verdict));
        meant.map(|rule| rule.name).collect()
    }

    /// For tests: fails when a rule was broken, and shows the whole list then.
    ///
    /// # Panics
    /// When a rule was broken.
    #[track_caller]
    pub fn assert_kept(&self) {
        assert!(
            self.broken().is_empty(),
            "the transport breaks rules\n{self}"
        );
    }
}

impl fmt::Display for SuiteReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rule in &self.rules {
            writeln!(f, "{rule}")?;
        }
        Ok(())
    }
}
