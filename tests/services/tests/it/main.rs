//! The services' own tests, as their team writes them: each asserts what it is about, and stops what it started.
//!
//! Whether everything stopped is not asserted here: the test attribute looks.

use lightsout::test as checked;

mod machines;
mod sequence;
mod watcher;
