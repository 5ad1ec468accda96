//! What the operating system and the program's own debug information tell: threads, their marks, and names of code.

#[cfg(target_os = "linux")]
mod debuginfo;
pub(crate) mod disposition;
pub(crate) mod dye;
pub(crate) mod maps;
pub(crate) mod symbols;
pub(crate) mod threads;
pub(crate) mod workspace;
