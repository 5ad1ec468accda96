//! How the gate ends: the exit codes, which are a contract with the outside.

use std::process::ExitCode;

/// How the gate ends. Where several apply, the later one wins: a run that could not be read says nothing about leaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// No checked test shows more than the baseline knows, at least one test was checked, and the suite passed.
    Clean,
    /// Something was found that is not known, something known is gone, or no test was checked.
    Findings,
    /// The suite did not build, did not run to its end, or its own tests failed.
    Suite,
    /// The gate itself could not do its work.
    SetUp,
}

impl Exit {
    /// Every way to end, in the order of precedence.
    pub(crate) const ALL: [Self; 4] = [Self::Clean, Self::Findings, Self::Suite, Self::SetUp];

    /// Returns the exit code.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Findings => 100,
            Self::Suite => 101,
            Self::SetUp => 96,
        }
    }

    /// Returns the exit code in words.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Findings => "findings, a baseline that names what is gone, or nothing was checked",
            Self::Suite => "the suite did not build, or its own tests failed",
            Self::SetUp => "set-up fault: the gate could not do its work",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn codes_are_a_contract() {
        assert_eq!(Exit::ALL.map(Exit::code), [0, 100, 101, 96]);
    }

    #[test]
    fn set_up_wins_over_suite_wins_over_findings() {
        assert!(Exit::ALL.is_sorted());
    }
}
