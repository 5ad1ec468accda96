//! Who acts in a model.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::Arc;

use super::channel::Channel;
use super::engine::{self, Actor};
use super::fault::Board;
use super::resource::Resource;
use crate::finding::{Kind, Site};
use crate::report::words;

/// One order of the steps of a model, while it is being tried. The function under the attribute says what there is and who acts; the
/// actors act from then on, and are waited for when it has returned.
pub struct Model {
    board: Arc<Board>,
    actors: RefCell<Vec<Actor>>,
    /// What must have ended when every actor has.
    ends: RefCell<Vec<Box<dyn Fn()>>>,
}

impl Model {
    pub(super) fn new(board: Arc<Board>) -> Self {
        Self { board, actors: RefCell::default(), ends: RefCell::default() }
    }

    /// Makes something that ends once.
    #[track_caller]
    pub fn resource(&self, name: &str) -> Resource {
        let resource = Resource::new(name, Site::of(Location::caller()), self.board.clone());
        let end = resource.clone();
        self.ends.borrow_mut().push(Box::new(move || end.check_end()));
        resource
    }

    /// Makes a channel.
    #[track_caller]
    pub fn channel<T: 'static>(&self, name: &str) -> Channel<T> {
        let channel = Channel::new(name, Site::of(Location::caller()), self.board.clone());
        let end = channel.clone();
        self.ends.borrow_mut().push(Box::new(move || end.check_end()));
        channel
    }

    /// Lets somebody act, beside all others.
    pub fn actor(&self, name: impl Into<String>, act: impl FnOnce() + 'static) {
        let (name, board) = (name.into(), self.board.clone());
        let acting = move || {
            engine::name(&name);
            act_watched(&board, act);
        };
        let mut actors = self.actors.borrow_mut();
        if actors.len() == engine::MOST_ACTORS {
            engine::stop(engine::Stop::Actors);
        }
        self.board.look().actors = actors.len() + 1;
        actors.push(engine::spawn(acting));
    }

    /// Lets several act in the same way: `signal 1`, `signal 2`, and so on.
    pub fn actors<A: FnOnce() + 'static>(&self, count: usize, name: &str, mut make: impl FnMut() -> A) {
        for number in 1..=count {
            self.actor(format!("{name} {number}"), make());
        }
    }

    /// Waits for all actors, and looks at what they left.
    pub(super) fn finish(self) {
        for actor in self.actors.into_inner() {
            engine::join(actor);
        }
        for end in self.ends.into_inner() {
            end();
        }
    }
}

/// Acts, and writes down a panic of the actor's own. One of loom's, or of the search, goes on.
pub(super) fn act_watched(board: &Board, act: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(act)) {
        match message(&*payload).filter(|text| !engine::is_looms(text)) {
            Some(text) => board.fault(Kind::TaskPanic, words::actor_panicked(&text), engine::last_panic()),
            None => resume_unwind(payload),
        }
    }
}

/// Returns what a panic said, if it said anything.
pub(super) fn message(payload: &(dyn Any + Send)) -> Option<String> {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").finish_non_exhaustive()
    }
}
