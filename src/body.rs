//! The body of a check: what a user hands in, and one run of it.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use crate::disturb::delay;
use crate::disturb::inject::{Injector, Raised};
use crate::disturb::notices::Notices;
use crate::finding::Ending;
use crate::ledger::Ledger;
use crate::ledger::thread::BODY;
use crate::seen::Hang;
use crate::settings::Settings;
use crate::source::{dump, panics, tracing};
use crate::system::stack;
use crate::system::symbols::Frame;
use crate::verdict::Verdict;

/// What a user hands in, its type forgotten: so everything behind it is compiled once, and not again for each test.
pub(crate) struct Body(Box<dyn Fn() -> Once + Send>);

/// The future of one run of a body.
type Once = Pin<Box<dyn Future<Output = Ending>>>;

impl Body {
    pub(crate) fn new<B, F>(make: B) -> Self
    where
        B: Fn() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Verdict,
    {
        Self(Box::new(move || {
            let future = make();
            Box::pin(async { future.await.ending() })
        }))
    }
}

/// How a body ended, or did not.
pub(crate) struct BodyEnd {
    pub(crate) ending: Ending,
    pub(crate) hang: Option<Hang>,
    pub(crate) awaits: Vec<Vec<Frame>>,
}

/// A body that runs.
pub(crate) struct Running {
    /// `None` when making it panicked, and after its end.
    future: Option<Once>,
    /// How making it ended, if that panicked.
    stillborn: Option<Ending>,
    began: Instant,
}

impl Running {
    /// Makes the body's future.
    pub(crate) async fn start(ledger: &Ledger, body: &Body) -> Self {
        poll_fn(|cx| {
            ledger.bell.listen(cx);
            Poll::Ready(())
        })
        .await;
        let began = Instant::now();
        match catch_unwind(AssertUnwindSafe(&body.0)) {
            Ok(future) => Self { future: Some(future), stillborn: None, began },
            Err(payload) => Self { future: None, stillborn: Some(panicked(&*payload)), began },
        }
    }

    /// Polls the body until it ends, the bell is rung, or it is noticed that it never will end.
    pub(crate) async fn until(
        &mut self,
        ledger: &Arc<Ledger>,
        settings: &Settings,
        injector: Option<&Injector>,
    ) -> BodyEnd {
        let Some(future) = &mut self.future else {
            let ending = self.stillborn.take().expect("lightsout bug: a body was polled after its end");
            return BodyEnd { ending, hang: None, awaits: Vec::new() };
        };
        let mut notices = injector.map(|injector| Notices::begin(injector, ledger, settings));
        let mut waker = None;
        let mut endless = None;
        let ending = poll_fn(|cx| {
            if let Some(Poll::Ready(after)) = notices.as_mut().map(|notices| notices.poll(cx)) {
                endless = Some(after);
                return Poll::Ready(Ending::Unfinished);
            }
            let waker = waker.get_or_insert_with(|| Arc::new(BodyWaker::new(cx.waker())));
            match waker.poll_if_woken(|cx| poll_body(future.as_mut(), cx, ledger, injector)) {
                Poll::Pending if ledger.bell.calls() > 0 => Poll::Ready(Ending::Unfinished),
                polled => polled,
            }
        })
        .await;
        let took = self.began.elapsed();
        let hang = match (&ending, endless) {
            (Ending::Unfinished, None) => Some(Hang::BodyUnfinished { doing: None }),
            (Ending::Unfinished, Some(after)) => Some(Hang::Endless { after }),
            _ if took > settings.deadline => Some(Hang::FinishedLate { after: took }),
            _ => None,
        };
        BodyEnd { ending, hang, awaits: Vec::new() }
    }

    /// Returns what the body awaits, by polling it once more.
    pub(crate) async fn awaits(&mut self) -> Vec<Vec<Frame>> {
        let Some(future) = &mut self.future else { return Vec::new() };
        let awaits = poll_fn(|cx| {
            let again = catch_unwind(AssertUnwindSafe(|| dump::body(future.as_mut(), cx)));
            Poll::Ready(again.unwrap_or_default())
        });
        awaits.await
    }

    /// Drops the body with its locals, so that they are gone before anyone looks; returns how that ended if it panicked.
    pub(crate) fn end(&mut self) -> Option<Ending> {
        let future = self.future.take();
        catch_unwind(AssertUnwindSafe(|| drop(future))).err().map(|payload| panicked(&*payload))
    }
}

/// Polls the body once, and disturbs it.
fn poll_body(
    future: Pin<&mut dyn Future<Output = Ending>>,
    cx: &mut Context<'_>,
    ledger: &Arc<Ledger>,
    injector: Option<&Injector>,
) -> Poll<Ending> {
    ledger.threads.show(BODY);
    if injector.is_some_and(Injector::delays_now) {
        delay::use_up_budget();
    }
    stack::clear_below();
    let polled = catch_unwind(AssertUnwindSafe(|| future.poll(cx)));
    tracing::stay_on_top(ledger);
    match polled {
        Ok(Poll::Ready(ending)) => Poll::Ready(ending),
        Err(payload) => Poll::Ready(panicked(&*payload)),
        Ok(Poll::Pending) => {
            ledger.heed(injector.map_or(Raised::No, Injector::body_polled));
            Poll::Pending
        }
    }
}

/// Wakes the root future for the body, and knows whether it was the body that was woken: who wakes the root future for another
/// reason does not poll the body.
struct BodyWaker {
    woken: AtomicBool,
    root: Waker,
}

impl BodyWaker {
    /// Begins as woken: the first poll needs no reason.
    fn new(root: &Waker) -> Self {
        Self { woken: AtomicBool::new(true), root: root.clone() }
    }

    fn poll_if_woken(self: &Arc<Self>, poll: impl FnOnce(&mut Context<'_>) -> Poll<Ending>) -> Poll<Ending> {
        if self.woken.swap(false, Ordering::AcqRel) {
            poll(&mut Context::from_waker(&Waker::from(self.clone())))
        } else {
            Poll::Pending
        }
    }
}

impl Wake for BodyWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.root.wake_by_ref();
    }
}

fn panicked(payload: &(dyn Any + Send)) -> Ending {
    Ending::Panicked(panics::message(payload))
}
