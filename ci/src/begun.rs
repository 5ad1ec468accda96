//! Checked tests that began and never reported: they were killed, or something in them ended the process.

/// A checked test that never reported.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Begun {
    /// `None` where the test runner does not tell it.
    pub(crate) package: Option<String>,
    /// The name of the test.
    pub(crate) test: String,
}
