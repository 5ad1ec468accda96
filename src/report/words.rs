//! Every sentence that is printed. Short, in the present tense, and with the next step.

use std::time::Duration;

use crate::allow::{Allow, CatchAll};
use crate::census::LiveTask;
use crate::disturb::plan::Plan;
use crate::disturb::signal::Signal;
use crate::finding::{Searched, Site, Unseen, Work};
use crate::ledger::channel::LiveChannel;
use crate::ledger::closable::Act;
use crate::model::Stop;
use crate::seen::{Hang, Loss, Movement};
use crate::sync::steps::Step;
use crate::system::symbols::tidy;

/// Which clock a time was read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    Real,
    Paused,
}

/// Who started a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Starter {
    /// It is a worker or a blocking thread of the test's runtime.
    Runtime,
    /// The test's code started it.
    Test,
}

/// Returns a count with its noun: `1 task`, `2 tasks`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

pub(crate) fn tasks(number: usize) -> String {
    count(number, "task")
}

pub(crate) fn counted_tasks(number: usize) -> String {
    match number {
        0 => "no task besides the body".to_owned(),
        number => format!("{} (counted; places need `--cfg tokio_unstable`)", tasks(number)),
    }
}

/// Returns a time as a person says it: `0 ms`, `12 ms`, `1.5 s`.
pub(crate) fn time(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else if time < Duration::from_secs(120) {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{} min", time.as_secs() / 60)
    }
}

pub(crate) fn leaked(number: usize) -> String {
    let verb = if number == 1 { "is" } else { "are" };
    format!("{} {verb} still alive after the test", tasks(number))
}

pub(crate) fn movement(movement: Movement, tasks: &[&LiveTask], waited: Duration) -> String {
    let polled = match tasks.iter().filter_map(|task| task.polls).max() {
        None => String::new(),
        Some(1) => "polled once, and ".to_owned(),
        Some(polls) => format!("polled {polls} times, and "),
    };
    match movement {
        Movement::Waiting if polled.is_empty() => "waiting".to_owned(),
        Movement::Waiting => format!("waiting; {polled}nothing woke it in the {} after the test", time(waited)),
        Movement::Looping { polls } => {
            format!("looping; it woke {polls} times in the {} after the test", time(waited))
        }
        Movement::Runnable => format!("runnable; {polled}its turn has not come since it was woken"),
        Movement::Running => format!("running; {polled}a thread is still inside the last poll"),
        Movement::Unstarted => "never polled; its runtime had no turn for it".to_owned(),
    }
}

pub(crate) fn age(age: Duration, waited: Duration, clock: Clock) -> String {
    format!("{}, of which lightsout waited {}", time(age), self::waited(waited, clock))
}

pub(crate) fn waited(waited: Duration, clock: Clock) -> String {
    let clock = if clock == Clock::Paused { " of virtual time" } else { "" };
    format!("{}{clock} for it to end", time(waited))
}

pub(crate) fn next_of_leak(movement: Movement) -> String {
    match movement {
        Movement::Waiting | Movement::Runnable | Movement::Unstarted => {
            "keep its JoinHandle and await it after telling it to stop, or abort it, before the test ends"
        }
        Movement::Looping { .. } => "give its loop a way out that the test's end takes, and await its JoinHandle",
        Movement::Running => "do not block in a task: move the blocking call to spawn_blocking, or make it async",
    }
    .to_owned()
}

/// Returns the argument of the attribute that allows something, told by its first line; characters that mean something in a pattern
/// are escaped.
pub(crate) fn rule(key: &str, text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    let rest = if first.len() < text.len() { "*" } else { "" };
    let pattern = glob::Pattern::escape(first) + rest;
    format!("allow({key} = {pattern:?}, reason = \"...\")")
}

/// Returns the argument that allows what was spawned or created at a place: by its line, or by its function where only that is known.
pub(crate) fn rule_for_place(verb: &str, site: &Site) -> String {
    match site.function() {
        Some(function) => rule(&format!("{verb}_in"), &tidy(function)),
        None => rule(&format!("{verb}_at"), &format!("{}:{}", site.file, site.line)),
    }
}

pub(crate) fn next_of_count(hooked: bool) -> String {
    if hooked {
        "this should not happen: please report it, with the test if you can".to_owned()
    } else {
        "to see which and where it was spawned: RUSTFLAGS=\"--cfg tokio_unstable\" cargo test".to_owned()
    }
}

pub(crate) fn disagreement(counted: usize, known: usize, allowed: usize) -> String {
    format!("the runtime counts {counted}, its hooks told of {known} ({allowed} of them allowed)")
}

pub(crate) fn blocked(starter: Starter) -> String {
    match starter {
        Starter::Runtime => "a thread of the test's runtime still runs after the runtime was stopped".to_owned(),
        Starter::Test => "a thread that the test started still runs".to_owned(),
    }
}

pub(crate) fn next_of_thread(starter: Starter) -> String {
    match starter {
        Starter::Runtime => {
            "a closure given to spawn_blocking, or a task that blocks, does not return: give it a time limit or a way to be told"
        }
        Starter::Test => "join it before the test ends, after telling it to stop",
    }
    .to_owned()
}

pub(crate) fn panicked(number: usize) -> String {
    if number == 1 { "a task panicked".to_owned() } else { format!("{number} tasks panicked") }
}

pub(crate) fn next_of_panic() -> String {
    "mend the panic; a JoinHandle that nobody awaits would have hidden it".to_owned()
}

pub(crate) fn hang(hang: &Hang, deadline: Duration) -> String {
    match hang {
        Hang::BodyUnfinished { .. } => format!("the body had not finished at its deadline of {}", time(deadline)),
        Hang::LeftoversBlock { .. } => {
            "the body has finished, but what it left does not let its runtime come to an end".to_owned()
        }
        Hang::Endless { after } => {
            format!(
                "the body had not finished after {} of virtual time, and nothing was left that ends it",
                time(*after)
            )
        }
        Hang::FinishedLate { after } => {
            format!("the body finished too late: after {}, with a deadline of {}", time(*after), time(deadline))
        }
    }
}

pub(crate) fn next_of_hang(hang: &Hang) -> String {
    match hang {
        Hang::Endless { .. } => "see that what the body waits for happens, or end it",
        Hang::BodyUnfinished { .. } => {
            "see that what the body waits for happens, or end it; if it only needs longer: deadline = \"...\""
        }
        Hang::LeftoversBlock { .. } => {
            "a task blocks the thread that it runs on, or a value's Drop does: look for blocking calls and endless loops without an \
             await"
        }
        Hang::FinishedLate { .. } => "make it quicker, or give it longer: deadline = \"...\"",
    }
    .to_owned()
}

/// Says how to look at a test while it hangs.
pub(crate) fn next_of_console(available: bool) -> String {
    if available {
        "run it with LIGHTSOUT_CONSOLE=1, and attach tokio-console while it hangs".to_owned()
    } else {
        "tokio-console can attach: feature `console`, --cfg tokio_unstable, LIGHTSOUT_CONSOLE=1".to_owned()
    }
}

/// Says that a test waits for somebody to look at it.
pub(crate) fn held(number: usize) -> String {
    let verb = if number == 1 { "is" } else { "are" };
    format!("lightsout: {} {verb} left; attach tokio-console, and end the test with Ctrl-C", tasks(number))
}

/// Returns signals as `SIGTERM`, `SIGINT`.
pub(crate) fn signals(signals: &[Signal]) -> String {
    if signals.is_empty() {
        return "none".to_owned();
    }
    signals.iter().map(|signal| format!("`{signal}`")).collect::<Vec<_>>().join(", ")
}

/// Returns the command that plays a plan again, made of the one that runs the test again.
pub(crate) fn replay(plan: &Plan, again: &str) -> String {
    format!("LIGHTSOUT_REPLAY=\"{plan}\" {again}")
}

/// Returns a number with its thousands apart: `118,000`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let apart = |(place, digit): (usize, char)| {
        let comma = (place > 0 && (digits.len() - place).is_multiple_of(3)).then_some(',');
        comma.into_iter().chain([digit])
    };
    digits.chars().enumerate().flat_map(apart).collect()
}

/// Says how far a search came.
pub(crate) fn searched(searched: &Searched) -> String {
    if searched.is_replay {
        return "one plan, as asked for".to_owned();
    }
    if searched.done == 0 && searched.drawn_with.is_none() {
        return format!("nothing beyond the undisturbed run{}", raised(searched));
    }
    let (done, total) = (thousands(searched.done), thousands(searched.total));
    let all = searched.is_counted && searched.done >= searched.total;
    if let Some(seed) = searched.drawn_with {
        return format!(
            "{done} of {total} plans drawn at random, with LIGHTSOUT_SEED={seed}{}{}",
            cut(searched),
            raised(searched)
        );
    }
    let extent = match (all, searched.is_exhaustive()) {
        (true, true) => format!("exhaustive: {done} of {total} plans"),
        (true, false) => format!("{done} of {total} plans"),
        (false, _) => {
            let about = if searched.is_counted { "" } else { "about " };
            let share = searched.done as f64 / searched.total.max(1) as f64 * 100.0;
            format!("{done} of {about}{total} plans ({share:.1} %)")
        }
    };
    let stress =
        if searched.is_stress { ", on several threads: this is stress, and no run is the same twice" } else { "" };
    format!("{extent}{}{stress}{}{}", bounded(searched), cut(searched), raised(searched))
}

/// Says how far signals were placed in a program that is never quiet.
fn bounded(searched: &Searched) -> String {
    searched.restless_at.map(|boundary| format!(" up to boundary {boundary}")).unwrap_or_default()
}

/// Says how many signals were raised, if any.
fn raised(searched: &Searched) -> String {
    match searched.raised {
        0 => String::new(),
        raised => format!("; {} raised", count_of(raised, "signal")),
    }
}

fn cut(searched: &Searched) -> &'static str {
    if searched.is_interrupted { ", interrupted by Ctrl-C" } else { "" }
}

/// Says what a delay does at its boundary.
pub(crate) fn delays_next() -> String {
    "delay of the next poll".to_owned()
}

fn count_of(number: u64, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {noun}{s}", thousands(number))
}

/// Says at which boundaries a signal would end the program, if at any.
pub(crate) fn start_up(searched: &Searched) -> Option<String> {
    match searched.listens_from {
        Some(1) => Some("a signal at boundary 0 ends the program, which does not listen yet".to_owned()),
        Some(from @ 2..) => {
            Some(format!("a signal at boundaries 0 to {} ends the program, which does not listen yet", from - 1))
        }
        Some(0) | None if searched.unheard == 0 => None,
        Some(0) | None => {
            Some(format!("the signals of {} came before the program listened", count_of(searched.unheard, "plan")))
        }
    }
}

/// Says up to where signals are placed in a program that is never quiet.
pub(crate) fn horizon(boundary: u32) -> String {
    format!(
        "the program is never quiet: a signal that is not placed comes at boundary {boundary}, and none is placed behind it"
    )
}

/// Says what became of the plans that are kept from earlier.
pub(crate) fn kept(searched: &Searched) -> Option<String> {
    match (searched.kept, searched.unfit) {
        (0, 0) => None,
        (kept, 0) => Some(format!("{} that failed earlier tried first", count_of(kept, "plan"))),
        (kept, unfit) => Some(format!(
            "{} that failed earlier tried first; {unfit} more cannot be played, having other signals than the check",
            count_of(kept, "plan")
        )),
    }
}

pub(crate) fn not_a_proof(parted: &str) -> String {
    format!("{parted}; the body depends on something that no plan knows, so to have tried every plan is no proof")
}

pub(crate) fn parted(plan: &Plan, boundary: usize, one: &str, other: &str) -> String {
    format!("two runs of the plan `{plan}` part at boundary {boundary}: in one {one}, in the other {other}")
}

pub(crate) fn parted_elsewhere(plan: &Plan) -> String {
    format!("two runs of the plan `{plan}` differ, and two further ones do not")
}

pub(crate) fn nobody_polled() -> String {
    "nobody is polled".to_owned()
}

pub(crate) fn body_polled() -> String {
    "the body is polled".to_owned()
}

pub(crate) fn task_polled(site: &Site) -> String {
    format!("a task spawned at {site} is polled")
}

pub(crate) fn shown_by(plans: u64) -> String {
    format!("{} of those that were tried; this is the first", count_of(plans, "plan"))
}

pub(crate) fn never_again() -> String {
    "a second run of the same plan did not show it: the body depends on something that no plan knows".to_owned()
}

pub(crate) fn plan_missed(plan: &Plan, missed: u32) -> String {
    format!(
        "the plan `{plan}` does not fit the program any more: {} did not come to pass",
        count(missed as usize, "disturbance")
    )
}

pub(crate) fn next_of_missed() -> String {
    "run the test without LIGHTSOUT_REPLAY, which searches anew".to_owned()
}

pub(crate) fn nobody_listens(signals: &[Signal]) -> String {
    format!("nothing in the program listens for {}, so no moments were searched", self::signals(signals))
}

pub(crate) fn nobody_hears(signals: &[Signal]) -> String {
    format!("no run went differently for its signals: nothing in this body listens for {}", self::signals(signals))
}

pub(crate) fn next_of_nobody_listens() -> String {
    "start what handles signals in the body, or take `signals` out".to_owned()
}

pub(crate) fn nothing_raised() -> String {
    "no signal was raised: the body ends before it listens".to_owned()
}

pub(crate) fn next_of_nothing_raised() -> String {
    "let the body run until it is signalled, or take `signals` out".to_owned()
}

pub(crate) fn died(how: &str) -> String {
    format!("the process of the test ended in the middle of a run: {how}")
}

pub(crate) fn exited(code: i32) -> String {
    format!("it exited with code {code}")
}

pub(crate) fn killed(signal: &str) -> String {
    format!("it was killed by {signal}")
}

pub(crate) fn next_of_died() -> String {
    "do not end the process where others wait for an orderly end: return, and let `main` decide".to_owned()
}

pub(crate) fn does_not_answer() -> String {
    "the process of the test does not answer".to_owned()
}

pub(crate) fn next_of_no_answer() -> String {
    "look for what stops every thread of it, such as SIGSTOP".to_owned()
}

pub(crate) fn dies_in_start_up(signal: Signal, boundary: u32) -> String {
    format!("{signal} at boundary {boundary} ends the program at once, with this task alive: it does not listen yet")
}

pub(crate) fn killed_by(signal: Signal, boundary: u32) -> String {
    format!("{signal} at boundary {boundary} ends the program at once: nothing in it listens for {signal} by then")
}

pub(crate) fn next_of_start_up() -> String {
    "listen for signals before starting anything that needs an orderly end".to_owned()
}

pub(crate) fn unseen_boundaries() -> Unseen {
    Unseen {
        what: "boundaries of tasks: only polls of the body are counted".to_owned(),
        why: "needs RUSTFLAGS=\"--cfg tokio_unstable\"".to_owned(),
    }
}

pub(crate) fn unseen_seeds() -> Unseen {
    Unseen {
        what: "the branch order of `select!`, which is random in each run".to_owned(),
        why: "needs RUSTFLAGS=\"--cfg tokio_unstable\"".to_owned(),
    }
}

/// Returns the command that runs a test again.
pub(crate) fn again(package: Option<&str>, test: &str) -> String {
    let package = package.map(|package| format!("-p {package} ")).unwrap_or_default();
    format!("cargo test {package}-- --exact {test}")
}

pub(crate) fn unseen_without_hooks() -> Unseen {
    Unseen {
        what: "ages, polls and await places of tasks".to_owned(),
        why: "needs RUSTFLAGS=\"--cfg tokio_unstable\"".to_owned(),
    }
}

pub(crate) fn unseen_await_places() -> Unseen {
    Unseen {
        what: "await places".to_owned(),
        why: "tokio takes task dumps on Linux, x86-64 and aarch64 only".to_owned(),
    }
}

pub(crate) fn unseen_allocations(why: &str) -> Unseen {
    Unseen { what: "tasks of a LocalSet or of a runtime of the body's own".to_owned(), why: why.to_owned() }
}

pub(crate) fn unseen_cells(number: usize) -> Option<Unseen> {
    let what = format!("the allocation of {}", tasks(number));
    let why = "the runtime's hooks tell of it, and it was not found: the two sources disagree".to_owned();
    (number > 0).then_some(Unseen { what, why })
}

pub(crate) fn unseen_for_want_of_memory(lost: u32) -> Option<Unseen> {
    let what = count(lost as usize, "allocation");
    (lost > 0).then(|| Unseen { what, why: "the system had no memory to write them down".to_owned() })
}

pub(crate) fn open(number: usize) -> String {
    let verb = if number == 1 { "is" } else { "are" };
    format!("{} {verb} still open after the test, and no task of it is alive", count(number, "channel"))
}

pub(crate) fn kind_of_channel(kind: &str, element: Option<&str>) -> String {
    let element = element.map(|element| format!(" of {element}")).unwrap_or_default();
    format!("{kind}{element}")
}

pub(crate) fn handles(channel: &LiveChannel) -> String {
    match channel.senders {
        None => channel.handles.to_string(),
        Some(0) => format!("{}, none of them a sender", channel.handles),
        Some(senders) => format!("{}, of which {}", channel.handles, count(senders, "sender")),
    }
}

pub(crate) fn next_of_channel() -> String {
    "drop its handles before the test ends; what keeps them is a static, a cycle of Arcs, or a value that was forgotten"
        .to_owned()
}

pub(crate) fn unseen_channels(missing: &[&str]) -> Option<Unseen> {
    let what = format!("channels of these kinds: {}", missing.join(", "));
    let why = "one that was planted was not found: build with debug information (line tables do)".to_owned();
    (!missing.is_empty()).then_some(Unseen { what, why })
}

pub(crate) fn closed_again(name: &str, times: usize) -> String {
    match times {
        1 => format!("`{name}` was closed twice"),
        times => format!("`{name}` was closed {times} more times after its end"),
    }
}

pub(crate) fn used_after_close(name: &str, times: usize) -> String {
    match times {
        1 => format!("`{name}` was used after its end"),
        times => format!("`{name}` was used {times} times after its end"),
    }
}

pub(crate) fn next_of_double_close() -> String {
    "let the first caller close it, and let every other one wait until that is done: a compare-and-swap as its first act".to_owned()
}

pub(crate) fn next_of_use_after_close() -> String {
    "stop who uses it before it is closed, or refuse with an error what comes after".to_owned()
}

pub(crate) fn out_of_order(late: &str, early: &str) -> String {
    format!("`{early}` ended while `{late}` was open")
}

pub(crate) fn next_of_order(late: &str, early: &str) -> String {
    format!("close `{late}` first, wait until that is done, and only then close `{early}`")
}

pub(crate) fn end_of(name: &str, made: &Site, end: Option<&Act>) -> String {
    let made = self::made(name, made);
    match end {
        Some(end) => format!("{made}, was closed by {}", actor(end)),
        None => format!("{made}, was never closed"),
    }
}

pub(crate) fn order_of_nothing(name: &str) -> String {
    format!("`{name}` stands in the order, and nothing in the test has this name")
}

pub(crate) fn order_without_end() -> String {
    "nothing that stands in the order ended in the test, so the order was not checked".to_owned()
}

pub(crate) fn next_of_vacuous_order() -> String {
    "give the things that end these names, close them in the test, or take the order out".to_owned()
}

pub(crate) fn names(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { format!("`{}`", names.join("`, `")) }
}

pub(crate) fn lost(number: usize) -> String {
    let verb = if number == 1 { "was" } else { "were" };
    format!("{} of work {verb} accepted, and neither done nor refused", count(number, "piece"))
}

/// Says how work was lost.
pub(crate) fn loss(loss: Loss) -> &'static str {
    match loss {
        Loss::Dropped => "dropped",
        Loss::Panicked => "dropped by a panic",
        Loss::Stopped => "dropped with the runtime, by a task that was still alive after the test",
        Loss::Held => "still held when the test was over",
        Loss::Untold => "no event said that it was done or refused",
    }
}

pub(crate) fn next_of_loss(loss: Loss) -> String {
    match loss {
        Loss::Dropped => "drain the queue that it was in before it is dropped, or refuse what is left in it",
        Loss::Panicked => "catch the panic of a job where jobs are run, and refuse the job there",
        Loss::Stopped => "let the task come to its end before the test does: await it after telling it to stop",
        Loss::Untold => "finish what was accepted before its component ends, or refuse it, and say so with an event",
        Loss::Held => "end what holds it: a static, a cycle of Arcs, or a value that was forgotten",
    }
    .to_owned()
}

/// Says what became of the work, so that it adds up.
pub(crate) fn work(work: Work) -> String {
    let Work { accepted, done, refused, lost } = work;
    format!("{accepted} accepted = {done} done + {refused} refused + {lost} lost")
}

/// Says who did something.
pub(crate) fn actor(act: &Act) -> String {
    match (act.spawned, act.task) {
        (Some(place), _) => format!("the task spawned at {}", Site::of(place)),
        (None, Some(_)) => "a task".to_owned(),
        (None, None) => "the body, or a thread without a task".to_owned(),
    }
}

pub(crate) fn actors(first: &Act, then: &Act) -> String {
    let (first, then) = (actor(first), actor(then));
    if first == then { format!("{first}, both times") } else { format!("{first}; then {then}") }
}

pub(crate) fn made(name: &str, site: &Site) -> String {
    format!("`{name}`, made at {site}")
}

/// Says that something else ended, as one of several things that happened.
pub(crate) fn closed_at(name: &str, site: &Site) -> String {
    format!("`{name}` was closed at {site}")
}

/// Says what happened between two acts; of many things only the first.
pub(crate) fn between(happened: &[String]) -> String {
    const TOLD: usize = 6;
    match happened.len() {
        0 => "nothing else was closed".to_owned(),
        many if many > TOLD => format!("{}; and {} more", happened[..TOLD].join("; "), many - TOLD),
        _ => happened.join("; "),
    }
}

pub(crate) fn misunderstood((what, site): (String, Site)) -> Unseen {
    Unseen { what: "a tracing event about a component".to_owned(), why: format!("{what}, at {site}") }
}

pub(crate) fn unseen_events() -> Unseen {
    Unseen {
        what: "tracing events about components, for the rest of the poll in which the body set a subscriber of its own"
            .to_owned(),
        why: "set it before the test, or put `lightsout::convention::over` around it".to_owned(),
    }
}

pub(crate) fn never_closed(name: &str) -> String {
    format!("`{name}` must end, and was never closed")
}

pub(crate) fn unread(name: &str, number: usize) -> String {
    let verb = if number == 1 { "was" } else { "were" };
    format!("{} of `{name}` {verb} never read", count(number, "message"))
}

#[cfg(loom)]
pub(crate) fn unread_by_anyone() -> String {
    "messages of a channel were never read".to_owned()
}

#[cfg(loom)]
pub(crate) fn arc_held() -> String {
    "an `Arc` is still held when every actor has ended: a cycle, or a handle that was forgotten".to_owned()
}

pub(crate) fn actor_panicked(text: &str) -> String {
    format!("an actor panicked: {text}")
}

#[cfg(loom)]
pub(crate) fn actors_stuck() -> String {
    "no actor that is left can go on: each waits for what only another one of them could do".to_owned()
}

pub(crate) fn next_of_model() -> String {
    "follow the steps: the last one is the fault; what went wrong is an earlier one that another actor came between"
        .to_owned()
}

pub(crate) fn search_stopped(stop: Stop, tried: u64) -> String {
    match stop {
        Stop::Actors => "the model has more actors than can be tried, which are four".to_owned(),
        Stop::Steps => {
            format!("the search came to its bound `{}`: one of {tried} orders has more choices", stop.name())
        }
        stop => format!("the search came to its bound `{}` after {tried} orders, and did not end", stop.name()),
    }
}

pub(crate) fn no_order() -> String {
    "no order was tried".to_owned()
}

pub(crate) fn no_actor() -> String {
    "no actor acted, so there was one order only".to_owned()
}

pub(crate) fn nothing_closed() -> String {
    "nothing was closed in any order".to_owned()
}

pub(crate) fn not_the_same_twice() -> String {
    "an order showed a fault, and did not when it was tried again: the model depends on something that it does not hold"
        .to_owned()
}

pub(crate) fn next_of_vacuous_model() -> String {
    "make the model smaller, or its bounds wider, and let it close what it is about".to_owned()
}

pub(crate) fn unseen_preemptions(bound: usize) -> Unseen {
    let what = format!("orders in which actors are interrupted more than {} in all", count(bound, "time"));
    Unseen { what, why: "the search is bounded so: `preemptions`".to_owned() }
}

pub(crate) fn step(step: &Step) -> String {
    format!("{} {}, at {}", step.actor, step.what, Site::of(step.at))
}

/// Returns the command that tries a model again.
pub(crate) fn model_again(package: Option<&str>, binary: Option<&str>, case: Option<&str>, test: &str) -> String {
    let package = package.map(|package| format!("-p {package} ")).unwrap_or_default();
    // cargo names a test binary after its target, and puts a hash behind it.
    let target = binary.and_then(|binary| binary.rsplit_once('-')).map(|(target, _)| format!("--test {target} "));
    let (target, test) = (target.unwrap_or_default(), case.unwrap_or(test));
    format!("RUSTFLAGS=\"--cfg loom\" cargo test --release {package}{target}-- --exact {test}")
}

pub(crate) fn unseen_threads() -> Unseen {
    Unseen {
        what: "threads that the test started itself".to_owned(),
        why: "only Linux marks a thread in a way that its children inherit".to_owned(),
    }
}

pub(crate) fn allows_every_task() -> String {
    "a rule allows every task, so nothing was checked".to_owned()
}

pub(crate) fn next_of_catch_all() -> String {
    "name what may live on: a file, a line, a function or a name".to_owned()
}

/// Returns what a rule without limits leaves unseen; every task is a finding of its own.
pub(crate) fn unseen_by_rule(of: CatchAll, rule: &Allow) -> Option<Unseen> {
    let what = match of {
        CatchAll::Tasks => return None,
        CatchAll::Threads => "threads",
        CatchAll::Panics => "panics of tasks",
        CatchAll::Channels => "channels",
        CatchAll::Tickets => "lost work",
        CatchAll::Closables => "what is ended twice, out of order, or used after its end",
    };
    Some(Unseen { what: what.to_owned(), why: format!("the rule {rule} allows all of them") })
}
