//! Shapes of real bugs of Rust programs, each named after the repository and number of its report.

pub(crate) mod ai_memory_mcp_3888;
pub(crate) mod ccteam_116;
pub(crate) mod duroxide_44;
pub(crate) mod fiber_185;
pub(crate) mod gofr_3801;
pub(crate) mod libdatadog_2005;
pub(crate) mod ockam_3105;
pub(crate) mod pg2any_14;
pub(crate) mod retry_without_end;
pub(crate) mod screenpipe_5822;
pub(crate) mod sim_ln_193;
pub(crate) mod sockudo_193;
pub(crate) mod spur_491;
pub(crate) mod temporal_sdk_rust_59;
pub(crate) mod tokensave_450;
pub(crate) mod tokio_7905;
pub(crate) mod tokio_mpsc_late_message;
pub(crate) mod vector_store_518;
pub(crate) mod vm0_8890;
pub(crate) mod vm0_8957;
