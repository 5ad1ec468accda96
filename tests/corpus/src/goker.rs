//! GoBench's kernels (CGO 2021): what is left of real Go bugs when everything but the bug is taken away.

pub(crate) mod cockroach_13755;
pub(crate) mod cockroach_2448;
pub(crate) mod cockroach_25456;
pub(crate) mod moby_27782;
pub(crate) mod moby_30408;
pub(crate) mod moby_33293;
