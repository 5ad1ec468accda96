//! Small tokio programs with one real bug each, and the same programs mended.
//!
//! Each file below `goker`, `rust` and `uber` is one program in two forms, which share everything but the lines that ask for the
//! [`Form`]. Its first line names the origin and the pattern. A comment that begins with a kind of finding marks the line that
//! a report must name:
//!
//! ```text
//! // leaked-task: nobody takes what it sends.
//! // waits for `mpsc::channel(1)`, held by itself.
//! tokio::spawn(produce(numbers));
//! ```
//!
//! What a task that is left waits for stands beside it as well, with who has that: what a story of it must tell.
//!
//! [`CASES`] is the registry, which tests, benches and the scoreboard go through. Nothing here knows of lightsout, so that other
//! tools can be run over the same programs. All of them want a paused clock: a sleep then means "when nothing else can happen".

mod case;
mod channel;
mod goker;
mod rust;
mod uber;
mod wait;

pub(crate) use case::case;
pub use case::{Body, Case, Class, Family, Form, Mark, Needs, Signal};
pub use wait::{Awaited, Holder, Wait};

/// Calls a macro with the name of every case, by family. What stands before a name is for the attributes of its test.
#[macro_export]
macro_rules! for_each_case {
    ($then:ident) => {
        $then! {
            GoKer: goker {
                #[cfg_attr(not(tokio_unstable), ignore = "only `--cfg tokio_unstable` tells of the polls of tasks, which are delayed")]
                cockroach_10214
                cockroach_1055
                cockroach_10790
                cockroach_13197
                cockroach_13755
                cockroach_1462
                #[cfg_attr(not(tokio_unstable), ignore = "only `--cfg tokio_unstable` tells of the polls of tasks, which are delayed")]
                cockroach_16167
                cockroach_2448
                cockroach_24808
                cockroach_25456
                cockroach_35073
                cockroach_35931
                #[cfg_attr(not(tokio_unstable), ignore = "only `--cfg tokio_unstable` tells of the polls of tasks, which are delayed")]
                cockroach_3710
                cockroach_4407
                cockroach_6181
                #[cfg_attr(not(tokio_unstable), ignore = "only `--cfg tokio_unstable` tells of the polls of tasks, which are delayed")]
                cockroach_7504
                cockroach_9935
                etcd_10492
                etcd_3077
                etcd_6708
                etcd_6857
                etcd_6873
                etcd_7443
                etcd_7492
                etcd_7902
                grpc_1275
                grpc_1353
                grpc_1424
                grpc_1460
                grpc_1687
                grpc_2371
                grpc_862
                hugo_3251
                hugo_5379
                istio_16224
                istio_17860
                istio_18454
                istio_8967
                kubernetes_10182
                kubernetes_11298
                kubernetes_13058
                kubernetes_13135
                kubernetes_1321
                kubernetes_25331
                kubernetes_26980
                kubernetes_30872
                kubernetes_38669
                kubernetes_58107
                #[cfg_attr(not(tokio_unstable), ignore = "only `--cfg tokio_unstable` tells of the polls of tasks, which are delayed")]
                kubernetes_62464
                kubernetes_6632
                kubernetes_70277
                moby_21233
                moby_25384
                moby_27782
                moby_28462
                moby_29733
                moby_30408
                moby_33293
                moby_36114
                moby_4395
                moby_4951
                serving_2137
                serving_3068
                serving_5865
                syncthing_4829
                syncthing_5795
            }
            Rust: rust {
                ai_memory_mcp_3888
                ccteam_116
                duroxide_44
                #[ignore = "needs a process in which nothing ever listened for its signal: the test binary `alone` is one"]
                fiber_185
                gofr_3801
                libdatadog_2005
                ockam_3105
                pg2any_14
                retry_without_end
                screenpipe_5822
                sim_ln_193
                sockudo_193
                spur_491
                temporal_sdk_rust_59
                tokensave_450
                tokio_7905
                tokio_mpsc_late_message
                vector_store_518
                vm0_8890
                vm0_8957
            }
            Uber: uber {
                double_send
                early_return
                first_result_wins
                range_over_open_channel
                start_without_stop
                timeout_of_the_receiver
                woken_by_a_global
            }
        }
    };
}

macro_rules! registry {
    ($($family:ident: $module:ident { $($(#[$of_test:meta])* $name:ident)* })*) => {
        /// Every case, by family and name.
        pub const CASES: &[Case] = &[$($($module::$name::CASE,)*)*];
    };
}
for_each_case!(registry);

/// Returns the case of this family and name.
#[must_use]
pub fn case(family: Family, name: &str) -> Option<&'static Case> {
    CASES.iter().find(|case| case.family() == family && case.name() == name)
}
