//! An object store on TCP whose clients can watch it.
//!
//! A watch is a stream of [`Update`]s that a consumer task drains until it ends. It ends, once, on the first of these:
//! [`Watcher::stop`], the loss of the connection, or the cancel of the context that the watch was made with; in any
//! order, at the same time, and from inside the consumer's own callback.
//!
//! After `ObjectWatcher` of nats.go. Its mistake (fixed in #1844), and that of the faulty form: a watch that is over is
//! unsubscribed, but its stream is not closed, so the consumer waits for ever.
//!
//! # The protocol
//! Lines of text. An answer is `OK`, in the order of the requests.
//!
//! | client sends | server answers | and sends |
//! |---|---|---|
//! | `PUT name text` | `OK` | first, to every subscriber: `MSG id name text` |
//! | `SUB id` | `OK` | first, `MSG id name text` for every object that is there; from then on, for every put |
//! | `UNSUB id` | `OK` | first, `END id`: no `MSG id` comes after it |

mod client;
mod connection;
mod registry;
mod server;

pub use client::{Store, Updates, Watcher};
pub use server::Server;

/// An object was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Name of the object.
    pub name: String,
    /// Its new content.
    pub text: String,
}
