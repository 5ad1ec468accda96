//! Where a stuck task awaits, from tokio's task dump (`--cfg tokio_unstable`, Linux).
//!
//! A dump polls tasks again and may never finish while a worker is blocked (tokio#7478, #8391). So it is the last thing that a
//! run does before its runtime is stopped, bounded by the caller, taken only when every worker is asleep, and no verdict depends on
//! what it says.

use std::collections::BTreeMap;

use crate::system::symbols::{Frame, tidy};

pub(crate) use flavor::{AVAILABLE, body, tasks};

/// The await stack of each task, innermost frame first; a task that awaits several things at once has several.
pub(crate) type Stacks = BTreeMap<u64, Vec<Vec<Frame>>>;

/// Returns what a stack awaits, as `Receiver::recv at src/x.rs:57:30 in app::consume`; `None` without a frame of the user's.
pub(crate) fn awaited(stack: &[Frame]) -> Option<String> {
    let users = stack.iter().position(Frame::is_users)?;
    let (below, user) = (&stack[..users], &stack[users]);
    let site = user.site.as_ref()?;
    let leaf = below.iter().rev().find_map(leaf_name).map(|leaf| format!("{leaf} at ")).unwrap_or_default();
    let function = Some(tidy(&user.function)).filter(|name| is_path(name));
    let function = function.map(|name| format!(" in {name}")).unwrap_or_default();
    Some(format!("{leaf}{site}{function}"))
}

/// Returns a name for what a frame of a library does; `None` where that is only how polling works.
fn leaf_name(frame: &Frame) -> Option<String> {
    let name = tidy(&frame.function);
    if is_path(&name) {
        let machinery = name.starts_with("core::") || name.starts_with("std::") || name.contains("poll_fn");
        return (!machinery).then_some(name);
    }
    // Line tables name an inlined function without its path; its file tells where it belongs.
    module_of(&frame.site.as_ref()?.file)
}

/// Returns whether a function's name tells where it belongs.
fn is_path(name: &str) -> bool {
    name.contains("::") && !name.starts_with('{')
}

/// Returns the module that a file of a registry crate is: `.../tokio-1.54.1/src/sync/mpsc/bounded.rs` is `tokio::sync::mpsc::bounded`.
fn module_of(file: &str) -> Option<String> {
    let (_, inside) = file.split_once("/registry/src/")?;
    let mut parts = inside.split('/').skip(1);
    let (name, _version) = parts.next()?.rsplit_once('-')?;
    let module = parts.skip(1).map(|part| part.trim_end_matches(".rs")).filter(|part| !matches!(*part, "mod" | "lib"));
    Some(std::iter::once(name.replace('-', "_").as_str()).chain(module).collect::<Vec<_>>().join("::"))
}

#[cfg(all(tokio_unstable, target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod flavor {
    use std::pin::Pin;
    use std::task::Context;

    use tokio::runtime::Handle;
    use tokio::runtime::dump::{Backtrace, Trace};

    use super::Stacks;
    use crate::recorder;
    use crate::source::hooks;
    use crate::system::symbols::Frame;
    use crate::system::workspace::{root, site};

    /// Whether await stacks can be seen.
    pub(crate) const AVAILABLE: bool = true;

    /// Takes the await stacks of every task of the current runtime.
    pub(crate) async fn tasks() -> Stacks {
        let dump = Handle::current().dump().await;
        dump.tasks().iter().map(|task| (hooks::number(task.id()), stacks(task.trace()))).collect()
    }

    /// Polls a future once more and returns where it awaits.
    pub(crate) fn body<F: Future + ?Sized>(mut future: Pin<&mut F>, cx: &mut Context<'_>) -> Vec<Vec<Frame>> {
        let (_, trace) = Trace::capture(|| future.as_mut().poll(cx));
        stacks(&trace)
    }

    fn stacks(trace: &Trace) -> Vec<Vec<Frame>> {
        recorder::noting(|| trace.resolve_backtraces()).iter().map(stack).collect()
    }

    fn stack(backtrace: &Backtrace) -> Vec<Frame> {
        let symbols = backtrace.frames().flat_map(|frame| frame.symbols());
        symbols
            .map(|symbol| Frame {
                function: symbol.name_demangled().unwrap_or_default().to_owned(),
                typed: None,
                site: symbol.filename().map(|file| site(root(), file, symbol.lineno(), symbol.colno())),
            })
            .collect()
    }
}

#[cfg(not(all(tokio_unstable, target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod flavor {
    use std::pin::Pin;
    use std::task::Context;

    use super::Stacks;
    use crate::system::symbols::Frame;

    /// Whether await stacks can be seen.
    pub(crate) const AVAILABLE: bool = false;

    /// Sees nothing here.
    pub(crate) async fn tasks() -> Stacks {
        Stacks::new()
    }

    /// Sees nothing here.
    pub(crate) fn body<F: Future + ?Sized>(_: Pin<&mut F>, _: &mut Context<'_>) -> Vec<Vec<Frame>> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::module_of;
    use crate::system::symbols::tidy;

    #[test]
    fn file_of_a_registry_crate_names_its_module() {
        let file = "/home/me/.cargo/registry/src/some-index/tokio-1.54.1/src/sync/mpsc/bounded.rs";
        assert_eq!(module_of(file).as_deref(), Some("tokio::sync::mpsc::bounded"));
        assert_eq!(module_of("src/main.rs"), None);
    }

    #[test]
    fn names_lose_their_dress() {
        assert_eq!(tidy("t::worker::{{closure}}::h133ab7fc27a71f00"), "t::worker");
        assert_eq!(
            tidy("<tokio::time::sleep::Sleep as core::future::future::Future>::poll"),
            "tokio::time::sleep::Sleep"
        );
        assert_eq!(
            tidy("tokio::sync::mpsc::bounded::Receiver<T>::recv"),
            "tokio::sync::mpsc::bounded::Receiver<T>::recv"
        );
    }
}
