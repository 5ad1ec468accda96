//! What test doubles and jobs carry, so that a run sees what no runtime can: that something was ended twice, used after its end, or
//! accepted and dropped. Outside a run they do nothing.

mod closable;
pub(crate) mod ticket;

pub use closable::Closable;
pub use ticket::Ticket;
