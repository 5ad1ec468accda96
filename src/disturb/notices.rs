//! What the root future of a disturbed run notices beside its body.

use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use super::inject::Injector;
use super::quiet::{Notice, Quiet};
use crate::ledger::Ledger;
use crate::settings::Settings;
use crate::source::hooks;
use crate::system::threads;

/// Looks at threads: one that starts has no mark for a few microseconds.
const LOOKS: u32 = 50;
/// How long threads that may end the wait are left alone, in real time, before they are looked at again.
const HELP: Duration = Duration::from_millis(5);

/// What the root future notices of a disturbed run beside its body.
pub(crate) struct Notices<'a> {
    injector: &'a Injector,
    ledger: &'a Ledger,
    quiet: Quiet,
}

impl<'a> Notices<'a> {
    /// Begins the run's boundaries.
    pub(crate) fn begin(injector: &'a Injector, ledger: &'a Ledger, settings: &Settings) -> Self {
        let quiet = Quiet::begin(injector, settings.runtime.is_paused(), settings.deadline);
        ledger.heed(injector.begin());
        Self { injector, ledger, quiet }
    }

    /// Returns how long the body went on, once nothing can end it.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Duration> {
        if self.injector.is_enough() {
            return Poll::Ready(Duration::ZERO);
        }
        match self.quiet.poll(cx, self.injector) {
            Poll::Ready(Notice::Endless(after)) if !self.has_helpers() => Poll::Ready(after),
            Poll::Ready(Notice::Endless(_)) => {
                // They need real time, and this thread has nothing to do until the body is woken.
                thread::sleep(HELP);
                self.quiet.look_again(cx, self.injector);
                Poll::Pending
            }
            Poll::Ready(Notice::Signal(raised)) => {
                self.ledger.heed(raised);
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Returns whether there are threads of the run that may end the wait in real time, which the deadline then limits.
    fn has_helpers(&self) -> bool {
        let Some(dye) = self.ledger.dye() else { return false };
        // A thread of the blocking pool that has nothing to do ends no wait.
        let is_pool_idle = self.ledger.counters().as_ref().is_some_and(hooks::is_pool_idle);
        let pool = if is_pool_idle { self.ledger.threads.alive() } else { Vec::new() };
        let known: Vec<_> = pool.iter().filter_map(|thread| thread.tid).chain(threads::own_tid()).collect();
        // A thread of another test that starts at this moment has no mark yet.
        let looks = (0..LOOKS).map(|_| {
            thread::yield_now();
            threads::marked(dye, &known)
        });
        let marked = looks.into_iter().find(|marked| marked.are_none() || !marked.threads.is_empty());
        marked.is_some_and(|marked| !marked.threads.is_empty())
    }
}
