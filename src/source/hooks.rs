//! The runtime's hooks: exact, and only under `--cfg tokio_unstable`. This is the one module that touches their interface.
//!
//! What tokio does, and what is made of it:
//! - A runtime has one callback an event, the last one set wins: whoever wants several chains them himself.
//! - Ends are told that never began (blocking closures, workers at shutdown): the ledger ignores ids that it does not know.
//! - A task that is spawned on a closing runtime ends before it begins: the ledger is judged before the runtime closes.
//! - A panic inside a hook is swallowed: nothing here panics.

use std::hash::{Hash, Hasher};

use tokio::task::Id;

pub(crate) use flavor::{HOOKED, Hooks, attach, is_pool_idle, seed};

/// Returns the number behind a task id. The id is opaque; what it gives to a hasher is the number itself.
pub(crate) fn number(id: Id) -> u64 {
    #[derive(Default)]
    struct Catch(u64);
    impl Hasher for Catch {
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = self.0 << 8 | u64::from(*byte);
            }
        }
        fn write_u64(&mut self, number: u64) {
            self.0 = number;
        }
        fn finish(&self) -> u64 {
            self.0
        }
    }
    let mut catch = Catch::default();
    id.hash(&mut catch);
    catch.0
}

#[cfg(tokio_unstable)]
mod flavor {
    use std::fmt;
    use std::sync::Arc;

    use tokio::runtime::{Builder, RngSeed, RuntimeMetrics, TaskMeta};

    use super::number;
    use crate::disturb::delay;
    use crate::disturb::inject::Injector;
    use crate::ledger::Ledger;
    use crate::ledger::thread::BODY;
    use crate::system::stack;

    /// Whether the runtime tells of each task.
    pub(crate) const HOOKED: bool = true;

    type Hook = Arc<dyn Fn(&TaskMeta<'_>) + Send + Sync>;

    /// The user's own hooks, called after ours.
    #[derive(Clone, Default)]
    pub(crate) struct Hooks {
        pub(crate) spawn: Vec<Hook>,
        pub(crate) before_poll: Vec<Hook>,
        pub(crate) after_poll: Vec<Hook>,
        pub(crate) terminate: Vec<Hook>,
    }

    impl fmt::Debug for Hooks {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Hooks")
                .field("spawn", &self.spawn.len())
                .field("before_poll", &self.before_poll.len())
                .field("after_poll", &self.after_poll.len())
                .field("terminate", &self.terminate.len())
                .finish()
        }
    }

    /// Returns a callback that does ours and then all of the user's.
    fn chain(
        ours: impl Fn(&TaskMeta<'_>) + Send + Sync + 'static,
        users: &[Hook],
    ) -> impl Fn(&TaskMeta<'_>) + Send + Sync + 'static {
        let users: Box<[Hook]> = users.into();
        move |meta| {
            ours(meta);
            for user in &users {
                user(meta);
            }
        }
    }

    /// Sets the hooks that write to the ledger, and those that disturb the run; `workers` says that tasks run on others than the body's
    /// thread.
    pub(crate) fn attach(
        builder: &mut Builder,
        ledger: &Arc<Ledger>,
        users: &Hooks,
        workers: bool,
        injector: Option<&Arc<Injector>>,
    ) {
        let [spawn, end] = [(); 2].map(|()| ledger.clone());
        let spawn = move |meta: &TaskMeta<'_>| {
            spawn.tasks.begin(number(meta.id()), meta.spawned_at(), spawn.now());
        };
        let end = move |meta: &TaskMeta<'_>| {
            end.tasks.end(number(meta.id()));
            end.bell.task_ended();
        };
        builder.on_task_spawn(chain(spawn, &users.spawn)).on_task_terminate(chain(end, &users.terminate));
        match injector {
            Some(injector) => disturb(builder, ledger, users, injector),
            None => look_on(builder, ledger, users, workers),
        }
    }

    /// Sets the hooks around polls.
    fn look_on(builder: &mut Builder, ledger: &Arc<Ledger>, users: &Hooks, workers: bool) {
        let poll = ledger.clone();
        let poll = move |meta: &TaskMeta<'_>| {
            let id = number(meta.id());
            poll.tasks.poll(id);
            poll.threads.show(id);
            stack::clear_below();
        };
        builder.on_before_task_poll(chain(poll, &users.before_poll));
        // On the body's thread what is in hand is overwritten by the next poll, or by the body. A worker may hand its work to another
        // thread (`block_in_place`) and never poll again.
        let after = ledger.clone();
        let clear = move |_: &TaskMeta<'_>| after.threads.show(BODY);
        if workers {
            builder.on_after_task_poll(chain(clear, &users.after_poll));
        } else if !users.after_poll.is_empty() {
            builder.on_after_task_poll(chain(|_| {}, &users.after_poll));
        }
    }

    /// Sets the hooks around polls of a run that is disturbed: what the plan says comes before the user's hooks.
    fn disturb(builder: &mut Builder, ledger: &Arc<Ledger>, users: &Hooks, injector: &Arc<Injector>) {
        let (poll, delays) = (ledger.clone(), injector.clone());
        let poll = move |meta: &TaskMeta<'_>| {
            let id = number(meta.id());
            poll.tasks.poll(id);
            poll.threads.show(id);
            stack::clear_below();
            if delays.delays_now() {
                delay::use_up_budget();
            }
        };
        let (after, boundaries) = (ledger.clone(), injector.clone());
        let after = move |meta: &TaskMeta<'_>| {
            after.threads.show(BODY);
            after.heed(boundaries.task_polled(number(meta.id()), meta.spawned_at()));
        };
        builder
            .on_before_task_poll(chain(poll, &users.before_poll))
            .on_after_task_poll(chain(after, &users.after_poll));
    }

    /// Returns whether no blocking closure runs, or is about to.
    pub(crate) fn is_pool_idle(metrics: &RuntimeMetrics) -> bool {
        metrics.blocking_queue_depth() == 0 && metrics.num_idle_blocking_threads() == metrics.num_blocking_threads()
    }

    /// Sets the seed of the runtime's random choices.
    pub(crate) fn seed(builder: &mut Builder, seed: u64) {
        builder.rng_seed(RngSeed::from_bytes(&seed.to_le_bytes()));
    }
}

#[cfg(not(tokio_unstable))]
mod flavor {
    use std::sync::Arc;

    use tokio::runtime::{Builder, RuntimeMetrics};

    use crate::disturb::inject::Injector;
    use crate::ledger::Ledger;

    /// Whether the runtime tells of each task.
    pub(crate) const HOOKED: bool = false;

    /// A runtime without the flag takes no hooks.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Hooks {}

    /// Sets nothing: what is alive is told by the runtime's counter alone.
    pub(crate) fn attach(_: &mut Builder, _: &Arc<Ledger>, _: &Hooks, _: bool, _: Option<&Arc<Injector>>) {}

    /// Returns that some closure may run: a runtime without the flag does not tell.
    pub(crate) fn is_pool_idle(_: &RuntimeMetrics) -> bool {
        false
    }

    /// Sets nothing: a runtime without the flag takes no seed.
    pub(crate) fn seed(_: &mut Builder, _: u64) {}
}
