//! The projects. To add one, add its name and version; its tests must need no network but loopback.

use crate::project::{Dependencies, Project, Runner};

/// One crate with its own features, by `cargo test --tests`, unoptimised; what differs is said in each row.
const ONE: Project = Project {
    crates: &[],
    dependencies: Dependencies::AsPublished,
    runner: Runner::Cargo,
    args: &[],
    rest: &["--tests"],
    environment: &[],
};

const ALL_FEATURES: &[&str] = &["--all-features"];

pub(crate) const PROJECTS: &[Project] = &[
    Project { crates: &[("mini-redis", "0.4.1")], dependencies: Dependencies::Newest, ..ONE },
    // Its tokio is so old that the gate sees only some of the tasks, and says so.
    Project { crates: &[("mini-redis", "0.4.1")], ..ONE },
    Project { crates: &[("hyper-util", "0.1.21")], args: ALL_FEATURES, ..ONE },
    Project { crates: &[("hyper-util", "0.1.21")], args: ALL_FEATURES, runner: Runner::Nextest, rest: &[], ..ONE },
    Project { crates: &[("tokio-util", "0.7.20")], args: ALL_FEATURES, ..ONE },
    Project { crates: &[("tokio-stream", "0.1.19")], args: ALL_FEATURES, ..ONE },
    Project { crates: &[("kanal", "0.1.1")], ..ONE },
    Project { crates: &[("tokio-graceful-shutdown", "0.20.0")], ..ONE },
    Project {
        crates: &[("tokio-graceful-shutdown", "0.20.0")],
        args: &["--release"],
        environment: &[("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only")],
        ..ONE
    },
    Project { crates: &[("bb8", "0.9.1")], ..ONE },
    Project {
        crates: &[("bb8", "0.9.1"), ("tokio-graceful-shutdown", "0.20.0"), ("mini-redis", "0.4.1")],
        dependencies: Dependencies::Newest,
        args: &["--workspace"],
        ..ONE
    },
];
