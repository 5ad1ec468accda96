//! Judges the life of a program. Pure: what was seen is all that counts.

use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use serde::Serialize;

use super::census::{Census, Sort, Thing};
use super::outside::Sample;
use crate::cli::Run;
use crate::cover::Leak;
use crate::exit::Exit;
use crate::words::run as words;

/// Growth is judged from so many rounds on; the first one warms up.
const LEAST_ROUNDS: usize = 3;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Course {
    pub(super) ready: Ready,
    /// Before the first round of load and after each; empty without load.
    pub(super) rounds: Vec<Sample>,
    /// Right before the first signal.
    pub(super) before: Sample,
    /// What was sent.
    pub(super) signals: Vec<&'static str>,
    /// `None` where it had not ended in time.
    pub(super) ended: Option<ExitStatus>,
    /// From the last signal.
    pub(super) took: Duration,
    /// What its threads did when the time was over.
    pub(super) stuck: Vec<String>,
    /// What was there after its end.
    pub(super) left: Sample,
    /// Everything that it printed.
    pub(super) printed: String,
    /// What is not looked at on this system.
    pub(super) unseen: Vec<&'static str>,
    /// The processor's time that it had until the first signal.
    pub(super) processor: Duration,
    /// What its tasks and channels say; `None` where that was not asked for.
    pub(super) census: Option<Census>,
}

/// Whether the program became ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ready {
    After(Duration),
    /// Its time was over.
    #[default]
    Never,
    /// It ended before.
    Died,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Fault {
    pub(crate) kind: &'static str,
    pub(crate) summary: String,
    /// Lines of what was seen.
    pub(crate) evidence: Vec<String>,
    pub(crate) next: &'static str,
}

/// What a run comes to.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) exit: Exit,
    pub(super) faults: Vec<Fault>,
}

/// Judges a life.
pub(super) fn judge(asked: &Run, course: &Course) -> Verdict {
    let Ready::After(_) = course.ready else {
        let faults = vec![words::not_ready(
            course.ready == Ready::Died,
            course.ended,
            asked.ready_within,
            &last_lines(&course.printed),
        )];
        return Verdict { exit: Exit::Suite, faults };
    };
    let panics = panics(&course.printed);
    let ways = [
        exit(asked, course),
        (!panics.is_empty()).then(|| words::panicked(panics)),
        (!course.left.children.is_empty()).then(|| words::children(&course.left.children)),
        (!course.left.listening.is_empty()).then(|| words::listening(&course.left.listening)),
        growth(course, "threads", |it| it.threads),
        growth(course, "descriptors", |it| it.descriptors),
        growth(course, "child processes", |it| it.children.len()),
    ];
    let census = course.census.iter().flat_map(|census| census_faults(asked, course, census));
    let faults: Vec<_> = ways.into_iter().flatten().chain(census).collect();
    Verdict { exit: if faults.is_empty() { Exit::Clean } else { Exit::Findings }, faults }
}

/// Judges how it ended.
fn exit(asked: &Run, course: &Course) -> Option<Fault> {
    let Some(ended) = course.ended else {
        let alive = course
            .census
            .iter()
            .flat_map(|census| at_look(census, course.rounds.len() + course.signals.len()))
            .collect::<Vec<_>>();
        return Some(words::still_runs(asked.exit_within, &course.stuck, &course.before, &alive));
    };
    if course.signals.is_empty() {
        return Some(words::ended_early(ended, &last_lines(&course.printed)));
    }
    let is_good = ended.code().is_some_and(|code| asked.exit_code.contains(&code));
    (!is_good).then(|| words::wrong_exit(ended, &asked.exit_code, &last_lines(&course.printed)))
}

/// Returns lines that say that a program in Rust, Go or C broke.
fn panics(printed: &str) -> Vec<String> {
    let is_of_rust = |line: &str| line.contains("panicked at ");
    let is_of_go = |line: &str| line.starts_with("panic: ") || line.starts_with("fatal error: ");
    let is_of_c = |line: &str| line.contains("double free or corruption") || line.contains("AddressSanitizer:");
    let lines: Vec<&str> = printed.lines().collect();
    let is_one = |line: &str| is_of_rust(line) || is_of_go(line) || is_of_c(line);
    let told = |at: usize| match lines.get(at + 1) {
        Some(message) if is_of_rust(lines[at]) => format!("{}\n{message}", lines[at]),
        _ => lines[at].to_owned(),
    };
    (0..lines.len()).filter(|at| is_one(lines[*at])).map(told).collect()
}

/// Finds a number that grows with every round.
fn growth(course: &Course, what: &'static str, number: impl Fn(&Sample) -> usize) -> Option<Fault> {
    let numbers: Vec<usize> = course.rounds.iter().map(number).collect();
    grown(&numbers).map(|each| words::growth(what, &numbers, each))
}

/// Returns by how much a number grows with every round, if it does.
fn grown(numbers: &[usize]) -> Option<usize> {
    // Before the first round it had not yet warmed up.
    let rounds = numbers.get(1..).filter(|rounds| rounds.len() >= LEAST_ROUNDS)?;
    let grown = rounds[rounds.len() - 1].checked_sub(rounds[0])?;
    let is_growth = rounds.is_sorted() && grown >= rounds.len() - 1;
    is_growth.then(|| grown / (rounds.len() - 1))
}

/// Judges what is alive.
fn census_faults(asked: &Run, course: &Course, census: &Census) -> Vec<Fault> {
    if let Some(blind) = &census.blind {
        return vec![words::blind(blind)];
    }
    let is_allowed = |leak: &&Leak| asked.allow.iter().any(|place| is_at(place, &leak.site.to_string()));
    let left = census.left.iter().filter(|(leak, _)| !is_allowed(leak)).map(|(leak, count)| words::left(leak, *count));
    let lost = (census.cost.lost > 0).then(|| words::lost(census.cost.lost));
    leaks(course.rounds.len(), census).into_iter().chain(left).chain(lost).collect()
}

/// Returns whether `src/main.rs:10:5` is at `src/main.rs`, or at `src/main.rs:10`.
fn is_at(place: &str, site: &str) -> bool {
    site.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// Finds places whose tasks or channels grow with every round. A channel that grows together with tasks is theirs.
fn leaks(looks: usize, census: &Census) -> Vec<Fault> {
    let grows = census.alive.iter().filter_map(|(thing, numbers)| {
        let rounds = &numbers[..looks.min(numbers.len())];
        grown(rounds).map(|each| (thing, rounds, each))
    });
    let (channels, others): (Vec<_>, Vec<_>) = grows.partition(|(thing, ..)| is_channel(thing));
    let told = if others.is_empty() { channels } else { others };
    told.into_iter().map(|(thing, rounds, each)| words::leak(thing, rounds, each)).collect()
}

fn is_channel(thing: &Thing) -> bool {
    matches!(thing.sort, Sort::Channel(_))
}

/// Returns what was alive at a look, the most first.
fn at_look(census: &Census, look: usize) -> Vec<(&Thing, usize)> {
    let number = |numbers: &Vec<usize>| numbers.get(look).copied().filter(|number| *number > 0);
    let mut alive: Vec<_> = census.alive.iter().filter_map(|(thing, it)| Some((thing, number(it)?))).collect();
    alive.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    alive
}

fn last_lines(printed: &str) -> Vec<String> {
    const LINES: usize = 10;
    let lines: Vec<_> = printed.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].iter().map(|line| (*line).to_owned()).collect()
}

/// Returns what a person is told.
pub(super) fn page(verdict: &Verdict, course: &Course, output: &Path) -> String {
    let faults = verdict.faults.iter().map(words::fault);
    let course_line = words::course(course.ready_after(), &course.signals, course.ended, course.took);
    let numbers = course.rounds.last().map(|last| words::numbers(&course.rounds[0], last, course.rounds.len() - 1));
    let unseen = course.unseen.iter().map(|it| format!("not looked at: {it}\n"));
    let seen = course.census.as_ref().filter(|census| census.blind.is_none());
    let census = seen.map(|census| {
        let before = course.signals.iter().zip(course.rounds.len()..);
        let alive: String = before.map(|(signal, look)| words::alive(signal, &at_look(census, look))).collect();
        alive + &words::census(census.undecided, census.cost, course.processor)
    });
    let output = (verdict.exit != Exit::Clean).then(|| format!("output: {}\n", output.display()));
    let end = words::exit(verdict.exit, verdict.faults.len());
    faults.chain([course_line]).chain(numbers).chain(census).chain(unseen).chain(output).chain([end]).collect()
}

impl Course {
    fn ready_after(&self) -> Option<Duration> {
        match self.ready {
            Ready::After(time) => Some(time),
            Ready::Never | Ready::Died => None,
        }
    }
}

/// Returns the same for programs.
pub(super) fn json(verdict: &Verdict, course: &Course) -> String {
    let sample = |it: &Sample| serde_json::json!({ "threads": it.threads, "descriptors": it.descriptors, "children": it.children.len() });
    let document = serde_json::json!({
        "version": 1,
        "exit": verdict.exit.code(),
        "faults": verdict.faults,
        "ready-after-ms": course.ready_after().map(|time| time.as_millis() as u64),
        "signals": course.signals,
        "ended": course.ended.map(|ended| ended.to_string()),
        "took-ms": course.took.as_millis() as u64,
        "rounds": course.rounds.iter().map(sample).collect::<Vec<_>>(),
        "unseen": course.unseen,
        "census": course.census.as_ref().map(|census| census_json(census, course)),
    });
    serde_json::to_string_pretty(&document).expect("lightsout bug: a verdict is plain data") + "\n"
}

fn census_json(census: &Census, course: &Course) -> serde_json::Value {
    let thing = |(thing, counts): (&Thing, &Vec<usize>)| serde_json::json!({ "thing": thing, "counts": counts });
    serde_json::json!({
        "looked": census.blind.is_none(),
        "alive": census.alive.iter().map(thing).collect::<Vec<_>>(),
        "undecided": census.undecided,
        "lost": census.cost.lost,
        "recorded": census.cost.steps,
        "recording-micros": census.cost.took.as_micros() as u64,
        "processor-ms": course.processor.as_millis() as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::{Course, Sample, growth, panics};

    #[test]
    fn panics_of_rust_and_go_are_found() {
        let text = "fine\nthread 'main' panicked at src/main.rs:1:2:\noh\nnote: x\npanic: send on closed channel\n\ngoroutine 1 [running]:\n";
        assert_eq!(panics(text), ["thread 'main' panicked at src/main.rs:1:2:\noh", "panic: send on closed channel"]);
        assert_eq!(panics("do not panic: all is well\n"), [] as [&str; 0]);
    }

    #[test]
    fn only_what_grows_with_every_round_is_a_leak() {
        let grows = |numbers: &[usize]| {
            let sample = |threads: &usize| Sample { threads: *threads, ..Sample::default() };
            let course = Course { rounds: numbers.iter().map(sample).collect(), ..Course::default() };
            growth(&course, "threads", |it| it.threads).is_some()
        };
        assert!(grows(&[1, 5, 6, 7]) && grows(&[1, 5, 8, 11, 14]));
        assert!(!grows(&[1, 5, 5, 5]) && !grows(&[1, 5, 9, 6]) && !grows(&[1, 5, 5, 6]) && !grows(&[1, 2, 3]));
    }
}
