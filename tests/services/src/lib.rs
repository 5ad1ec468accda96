//! Small real programs that stop wrongly (feature `faulty`) or rightly.
//!
//! Both forms of a service share all their code but the lines at which [`FAULTY`] is asked, or [`Faults::has`] where a service
//! makes several mistakes; each of those has a comment that starts with "Bug" and says which mistake of a real program it stands
//! for.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

pub mod application;
pub mod group;
pub mod http;
pub mod messaging;
pub mod sequence;
pub mod signal;
pub mod watcher;
pub mod web;

/// Whether this build has the faulty forms.
pub const FAULTY: bool = cfg!(feature = "faulty");

/// Which of its mistakes a service makes. The fixed form makes none, whatever is said here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Faults<F> {
    /// All of them.
    #[default]
    All,
    /// This one, so that it is seen by itself.
    Only(F),
    /// None, as in the fixed form.
    None,
}

impl<F: PartialEq> Faults<F> {
    /// Whether the service makes this mistake.
    pub fn has(&self, fault: F) -> bool {
        FAULTY
            && match self {
                Self::All => true,
                Self::Only(only) => *only == fault,
                Self::None => false,
            }
    }
}

/// Reads `all`, `none` or the name of one fault.
impl<F: FromStr> FromStr for Faults<F> {
    type Err = F::Err;

    fn from_str(name: &str) -> Result<Self, F::Err> {
        match name {
            "all" => Ok(Self::All),
            "none" => Ok(Self::None),
            name => name.parse().map(Self::Only),
        }
    }
}

/// Why a program ended badly, in words for its person: what `main` returns is printed as for a programmer.
pub struct Failed(Box<dyn Error>);

impl<E: Into<Box<dyn Error>>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
