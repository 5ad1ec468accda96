//! What a search and a child process that plays for it say to each other: a line of JSON each.

use std::io::{self, BufRead, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::player::Attempt;
use crate::run::Script;

/// The scripts that a child is to play, in order.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) scripts: Vec<Script>,
}

/// What one of them came to.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Told {
    /// Or why it could not be played.
    pub(super) attempt: Result<Attempt, String>,
    /// What the run printed; empty where nothing is wrong.
    pub(super) printed: String,
    /// Whether the child ends with this: the run does not come back.
    pub(super) is_last: bool,
}

pub(super) fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *to, message)?;
    to.write_all(b"\n")
}

/// Returns the next message; `None` when the other side has gone.
pub(super) fn receive<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = String::new();
    match from.read_line(&mut line)? {
        0 => Ok(None),
        _ => Ok(Some(serde_json::from_str(&line)?)),
    }
}
