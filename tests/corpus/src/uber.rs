//! The common leak patterns of large Go code that a study at Uber found, and what is not one of them.

pub(crate) mod double_send;
pub(crate) mod early_return;
pub(crate) mod first_result_wins;
pub(crate) mod range_over_open_channel;
pub(crate) mod start_without_stop;
pub(crate) mod timeout_of_the_receiver;
pub(crate) mod woken_by_a_global;
