//! Small real programs that stop wrongly (feature `faulty`) or rightly.
//!
//! Both forms of a service share all their code but the lines at which [`FAULTY`] is asked; each of those has a comment
//! that starts with "Bug" and says which mistake of a real program it stands for.

pub mod sequence;
pub mod signal;
pub mod watcher;

/// Whether this build has the faulty forms.
pub const FAULTY: bool = cfg!(feature = "faulty");
