//! The tests of the library, a module a topic.

mod attribute;
mod ui;
