//! What the operating system and the program's own debug information tell: threads, their marks, and names of code.

#[cfg(unix)]
pub(crate) mod ctrl_c;
#[cfg(target_os = "linux")]
pub(crate) mod debuginfo;
pub(crate) mod disposition;
pub(crate) mod dye;
pub(crate) mod maps;
pub(crate) mod stack;
pub(crate) mod symbols;
pub(crate) mod threads;
pub(crate) mod workspace;
