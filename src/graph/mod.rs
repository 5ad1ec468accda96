//! Who should have woken it: what each leaked task waits for, who holds that, and whether anything alive can ever wake it.
//!
//! A task is woken by whoever has its waker, and ended by whoever has its handle. So the question whether it will ever go on is one that
//! garbage collectors answer: is there a path to it from anything that runs? (Go proves its leaked goroutines so, since 1.26.) The
//! recorder knows every allocation of the run, the system shows the rest of the memory; between them nothing is left out.
//!
//! Data flows one way: [`memory`] is what the system shows, [`heap`] parts it into the run's allocations and all else, [`reach`]
//! marks what is alive, [`build`] gives names to what is told, and [`story`] and [`picture`] read nothing but the [`data`].
//!
//! # What is looked at
//!
//! All memory of the process that can be written to: statics, heaps, mappings, and of the stacks of threads what is above their stack
//! pointers, thread-locals included; of a thread that runs, all of it. What is not an allocation of the run counts as alive, whatever
//! it is. Left out are the stacks of threads that have ended, pages that nobody has written to, and what the run's own threads, asleep, have
//! on their stacks: that is the runtime's and ours.
//!
//! # What it rests on
//!
//! - A pointer is a whole word at an aligned address that leads into an allocation. One that is kept with its upper bits changed, or
//!   in the memory of another process, is not seen.
//! - Nothing of the run runs meanwhile: its workers are parked, no blocking closure and no thread of its own is left. Otherwise nothing
//!   is proven, and the report says why.
//! - Threads of others, tests beside this one above all, may run. Then all is read twice, since what such a thread carries from a
//!   place that was not yet read to one that was is missed the first time; it must not happen to the same handle both times. What it has in registers alone is not seen. So references are counted as well: where more are counted than were found, nothing is proven of
//!   what they lead to.
//! - In the lowest bits of a pointer there may be a mark only where it leads to the beginning of an allocation, or of what an `Arc` shares.
//! - What is left in memory that is still in use, or in the stack of a running thread, may look like a pointer. Then a stuck task is not
//!   proven so; the other way round there is one such mistake: it may stand for a reference that was not found, of one that nobody has any more
//!   (`mem::forget`) for one, so a task that only such a handle could wake may be called stuck.
//!
//! So that little looks like a pointer that is none, runs have memory of their own (`recorder/apart.rs`), which nobody else ever had, what
//! leaks keeps its addresses for good (`recorder/kept.rs`), our own threads clear their stacks before they build what is kept, and so does
//! each thread of a run before a task is polled (with the runtime's hooks; without them before the body is), since a future that is built
//! on a stack takes along in its gaps what lay there.
//!
//! What is *told* must be right as well: who holds something is believed only as far as it counts that many handles ([`handles`]). Where
//! more seem to have one, the names of those are told that must have one, and if these are not all, none.
//!
//! None of it reads memory through a pointer: all of it is copied by the system, so nothing can be given back meanwhile that is being
//! read, and nothing races.

pub(crate) mod data;
mod picture;
pub(crate) mod story;
pub(crate) mod words;

pub(crate) use flavor::{AVAILABLE, Look, all_stuck, look, stuck};

#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64", not(loom)))]
mod build;
#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64", not(loom)))]
mod calibration;
#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64", not(loom)))]
mod handles;
#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64", not(loom)))]
mod heap;
#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64", not(loom)))]
mod memory;
#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64", not(loom)))]
mod raw;
#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64", not(loom)))]
mod reach;
#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64", not(loom)))]
mod sight;
#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64", not(loom)))]
mod ways;

#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64", not(loom)))]
mod flavor {
    use std::cell::OnceCell;
    use std::collections::{BTreeMap, BTreeSet};
    use std::thread;
    use std::time::Duration;

    use super::build;
    use super::calibration::Learned;
    use super::data::{Expected, Outlook, Place, WaitGraph};
    use super::memory::Known;
    use super::sight::{self, Sight};
    use super::words;
    use crate::census::{Census, LiveTask, State};
    use crate::ledger::Ledger;
    use crate::ledger::channel::ChannelKind;
    use crate::ledger::thread::{DESKS, Sleeper};
    use crate::recorder::{self, NO_RUN};
    use crate::system::threads;

    /// Whether anything can be said.
    pub(crate) const AVAILABLE: bool = true;

    /// What was seen of the tasks that are left.
    #[derive(Debug)]
    pub(crate) struct Look {
        sight: Sight,
        outlooks: BTreeMap<u64, Outlook>,
        learned: &'static Learned,
        /// Empty before somebody asks.
        drawn: OnceCell<Drawn>,
    }

    /// The tasks, oldest first, and what is between them; then the numbers of the tasks that come first in the graph.
    type Drawn = (WaitGraph, Vec<u64>);

    impl Look {
        /// Draws what was seen, also when all of it is gone; the first call looks names up, which takes its time.
        pub(crate) fn drawn(&self, tasks: &[LiveTask], kinds: &[ChannelKind]) -> &Drawn {
            self.drawn.get_or_init(|| build::draw(&self.sight, self.learned, tasks, &self.outlooks, kinds))
        }

        fn held_by_threads(&self) -> usize {
            let by_threads = |outlook: &&Outlook| {
                matches!(outlook, Outlook::Waiting(Expected::Task(_) | Expected::Outside(Place::Thread)))
            };
            self.outlooks.values().filter(by_threads).count()
        }

        /// Returns what cannot be proven in this process.
        pub(crate) fn unproven(&self) -> &'static [&'static str] {
            &self.learned.unproven
        }

        /// Returns of which ways to be woken nothing is known in this process.
        pub(crate) fn unlearned(&self) -> Vec<&'static str> {
            self.learned.off.iter().map(|way| way.name()).collect()
        }
    }

    /// How often it is looked where threads of others run: what is left on their stacks, and looks like a pointer, is soon something else.
    const LOOKS: u32 = 2;
    /// How long they are given to make it so.
    const BETWEEN: Duration = Duration::from_millis(1);

    /// Looks from the run's root future, when its body is gone. No name is looked up yet.
    ///
    /// # Errors
    ///
    /// Why nothing can be said.
    pub(crate) fn look(ledger: &Ledger, left: &Census) -> Result<Look, String> {
        recorder::keep(ledger.number());
        let mut best = look_once(ledger, left)?;
        for _ in 1..LOOKS {
            if best.sight.is_still || best.held_by_threads() == 0 {
                break;
            }
            thread::sleep(BETWEEN);
            let Ok(again) = look_once(ledger, left) else { continue };
            if again.held_by_threads() < best.held_by_threads() {
                best = again;
            }
        }
        Ok(best)
    }

    fn look_once(ledger: &Ledger, left: &Census) -> Result<Look, String> {
        let now = tokio::time::Instant::now().into_std();
        let (sight, outlooks, learned) = seen(ledger, left, |sight, learned| {
            let outlooks = build::outlooks(&sight, learned, now);
            (sight, outlooks, learned)
        })?;
        Ok(Look { sight, outlooks, learned, drawn: OnceCell::new() })
    }

    /// Looks, and returns what was seen if every task that is left is proven to be stuck, so that no wait would change anything.
    pub(crate) fn all_stuck(ledger: &Ledger, left: &Census) -> Option<Look> {
        let all_waiting = left.tasks.iter().all(|task| task.state == State::Waiting);
        if left.tasks.is_empty() || left.counted > left.tasks.len() || !all_waiting {
            return None;
        }
        recorder::keep(ledger.number());
        let look = look_once(ledger, left).ok()?;
        let is_stuck = |task: &LiveTask| look.outlooks.get(&task.id) == Some(&Outlook::Stuck);
        left.tasks.iter().all(is_stuck).then_some(look)
    }

    /// Returns the numbers of the tasks that are proven to be stuck; no name is looked up.
    ///
    /// # Errors
    ///
    /// Why nothing can be said.
    pub(crate) fn stuck(ledger: &Ledger, left: &Census) -> Result<BTreeSet<u64>, String> {
        seen(ledger, left, |sight, learned| sight.stuck(&learned.off))
    }

    /// Looks, and judges on the same thread, whose stack is left out.
    fn seen<T: Send>(
        ledger: &Ledger,
        left: &Census,
        judge: impl FnOnce(Sight, &'static Learned) -> T + Send,
    ) -> Result<T, String> {
        if ledger.number() == NO_RUN {
            return Err(words::NOT_RECORDED.to_owned());
        }
        let learned = Learned::get().map_err(words::not_learned)?;
        let notes = std::ptr::from_ref(ledger).addr();
        let known = Known { sleepers: sleepers(ledger, left)?, notes: !notes..!(notes + size_of::<Ledger>()) };
        let wakes = ledger.wakes();
        let look = || {
            let sight = Sight::take(ledger.number(), &known, learned.waker)?;
            let is_still = ledger.wakes() == wakes && ledger.is_asleep();
            Some(is_still.then(|| judge(sight, learned)))
        };
        let told = sight::apart(look).flatten().ok_or(words::UNREADABLE)?;
        told.ok_or_else(|| words::MOVED.to_owned())
    }

    /// Returns the threads that run tasks, if none of them has anything in hand, and if no other thread of the run is left.
    fn sleepers(ledger: &Ledger, left: &Census) -> Result<Vec<Sleeper>, String> {
        if left.tasks.iter().any(|task| task.state == State::Running) {
            return Err(words::TASK_RUNS.to_owned());
        }
        if !left.blocking.is_empty() {
            return Err(words::CLOSURE_RUNS.to_owned());
        }
        if !ledger.is_asleep() || ledger.workers() > DESKS {
            return Err(words::MOVED.to_owned());
        }
        let body = ledger.body_sleeper().ok_or(words::UNREADABLE)?;
        let runtimes = ledger.threads.alive();
        let known: Vec<_> = runtimes.iter().filter_map(|thread| thread.tid).chain([body.tid]).collect();
        let dye = ledger.dye().ok_or(words::UNREADABLE)?;
        if !threads::none_is_marked(dye, known) {
            return Err(words::THREAD_RUNS.to_owned());
        }
        let workers = if ledger.has_workers() { ledger.threads.sleepers() } else { Vec::new() };
        Ok(workers.into_iter().chain([body]).collect())
    }
}

/// Sees nothing here.
#[cfg(not(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64", not(loom))))]
mod flavor {
    use std::collections::BTreeSet;

    use super::data::WaitGraph;
    use super::words;
    use crate::census::{Census, LiveTask};
    use crate::ledger::Ledger;
    use crate::ledger::channel::ChannelKind;

    #[derive(Debug)]
    pub(crate) struct Look(Never);

    /// Whether anything can be said.
    pub(crate) const AVAILABLE: bool = false;

    /// Nothing was ever seen.
    #[derive(Debug)]
    enum Never {}

    impl Look {
        pub(crate) fn drawn(&self, _: &[LiveTask], _: &[ChannelKind]) -> &(WaitGraph, Vec<u64>) {
            match self.0 {}
        }

        pub(crate) fn unproven(&self) -> &'static [&'static str] {
            match self.0 {}
        }

        pub(crate) fn unlearned(&self) -> Vec<&'static str> {
            match self.0 {}
        }
    }

    pub(crate) fn look(_: &Ledger, _: &Census) -> Result<Look, String> {
        Err(words::NOT_RECORDED.to_owned())
    }

    pub(crate) fn all_stuck(_: &Ledger, _: &Census) -> Option<Look> {
        None
    }

    pub(crate) fn stuck(_: &Ledger, _: &Census) -> Result<BTreeSet<u64>, String> {
        Err(words::NOT_RECORDED.to_owned())
    }
}
