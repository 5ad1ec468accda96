//! GoBench's kernels (CGO 2021): what is left of real Go bugs when everything but the bug is taken away.

pub(crate) mod cockroach_10790;
pub(crate) mod cockroach_13755;
pub(crate) mod cockroach_2448;
pub(crate) mod cockroach_25456;
pub(crate) mod cockroach_35931;
pub(crate) mod etcd_6873;
pub(crate) mod etcd_7492;
pub(crate) mod etcd_7902;
pub(crate) mod grpc_1275;
pub(crate) mod grpc_1424;
pub(crate) mod grpc_1460;
pub(crate) mod istio_17860;
pub(crate) mod kubernetes_10182;
pub(crate) mod kubernetes_1321;
pub(crate) mod kubernetes_25331;
pub(crate) mod kubernetes_26980;
pub(crate) mod kubernetes_38669;
pub(crate) mod moby_21233;
pub(crate) mod moby_25384;
pub(crate) mod moby_27782;
pub(crate) mod moby_28462;
pub(crate) mod moby_30408;
pub(crate) mod moby_33293;
pub(crate) mod moby_4395;
pub(crate) mod serving_2137;
