//! Judges what was seen in one run: facts in, findings out; no clock, no runtime, no thread.

mod endings;
mod order;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::allow::{Allow, CatchAll, Rules, Subject};
use crate::census::{LiveTask, State};
use crate::disturb::plan::Plan;
use crate::finding::{Allowed, Coverage, Ending, Enforced, Evidence, FORMAT_VERSION, Finding, Kind, Report, Site};
use crate::graph;
use crate::graph::data::Outlook;
use crate::graph::story::Story;
use crate::ledger::Ledger;
use crate::ledger::channel::LiveChannel;
use crate::ledger::panic::Who;
use crate::lock::lock;
use crate::recorder;
use crate::report::words;
use crate::seen::{Hang, Movement, Seen};
use crate::settings::{self, Channels, Settings};
use crate::settle::Settled;
use crate::source::dump::{self, awaited};
use crate::source::{allocation, console, hooks};
use crate::system::{dye, threads};

/// What a run came to, or many of them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) ending: Ending,
    /// The plan of that ending; `None` for a body that passed, and without a search.
    pub(crate) plan: Option<Plan>,
    pub(crate) hang: Option<Hang>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) notes: Vec<Finding>,
    pub(crate) allowed: Vec<Allowed>,
    pub(crate) coverage: Coverage,
    pub(crate) took: Duration,
}

impl Outcome {
    /// Returns what the search through a model came to.
    pub(crate) fn of_model(findings: Vec<Finding>, coverage: Coverage, took: Duration) -> Self {
        let (notes, allowed) = (Vec::new(), Vec::new());
        Self { ending: Ending::Passed, plan: None, hang: None, findings, notes, allowed, coverage, took }
    }

    /// Returns the report of a test that has come to this; call it on the test's thread.
    pub(crate) fn into_report(self, test: String, package: Option<String>) -> Report {
        let case = thread::current().name().filter(|name| *name != "main").map(str::to_owned);
        let again = words::again(package.as_deref(), case.as_deref().unwrap_or(&test));
        Report {
            version: FORMAT_VERSION,
            ending: self.ending,
            plan: self.plan,
            findings: self.findings,
            notes: self.notes,
            allowed: self.allowed,
            coverage: self.coverage,
            micros: u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX),
            test,
            package,
            binary: settings::binary(),
            case,
            enforced: Enforced::ByCaller,
            again,
        }
    }
}

/// Judges one run.
pub(crate) fn judge(
    test: &str,
    place: &Site,
    settings: &Settings,
    ledger: &Ledger,
    seen: Seen,
    mut rules: Rules,
) -> Outcome {
    let judge = Judge { test, place, settings, ledger, seen: &seen };
    let mut findings = Vec::new();
    findings.extend(judge.vacuous(&rules));
    findings.extend(judge.hang());
    if seen.hang.as_ref().is_none_or(|hang| matches!(hang, Hang::FinishedLate { .. })) {
        findings.extend(judge.leaked_tasks(&mut rules));
    }
    findings.extend(judge.blocked_threads(&mut rules));
    findings.extend(judge.task_panics(&mut rules));
    findings.extend(judge.misuses(&mut rules));
    findings.extend(judge.out_of_order(&mut rules));
    findings.extend(judge.lost_work(&mut rules));
    let open = judge.open_channels(&mut rules);
    let notes = if settings.channels == Channels::Deny {
        findings.extend(open);
        Vec::new()
    } else {
        open
    };
    findings.sort_by(|a, b| (a.kind, &a.sites, &a.summary).cmp(&(b.kind, &b.sites, &b.summary)));
    let coverage = judge.coverage(&rules);
    Outcome {
        ending: seen.ending,
        plan: None,
        hang: seen.hang,
        findings,
        notes,
        allowed: rules.told(),
        coverage,
        took: seen.took,
    }
}

struct Judge<'a> {
    test: &'a str,
    /// Where the check itself stands.
    place: &'a Site,
    settings: &'a Settings,
    ledger: &'a Ledger,
    seen: &'a Seen,
}

impl Judge<'_> {
    fn finding(&self, kind: Kind, summary: String, count: usize, sites: Vec<Site>) -> Finding {
        Finding {
            kind,
            test: self.test.to_owned(),
            summary,
            count,
            sites,
            evidence: Vec::new(),
            next: String::new(),
            rule: None,
            plan: None,
            waits: None,
        }
    }

    fn virtual_time(&self) -> words::Clock {
        let Settled { waited, really, .. } = self.seen.settled;
        if waited > 2 * really { words::Clock::Paused } else { words::Clock::Real }
    }

    /// Returns a finding for each rule that allows every task: with it a pass would mean nothing.
    fn vacuous(&self, rules: &Rules) -> Vec<Finding> {
        let every_task = rules.catch_alls().filter(|(_, of)| *of == CatchAll::Tasks);
        let vacuous = |(rule, _): (&Allow, _)| {
            let mut finding = self.finding(Kind::Vacuous, words::allows_every_task(), 1, vec![self.place.clone()]);
            finding.evidence.push(evidence("rule", rule.to_string()));
            finding.next = words::next_of_catch_all();
            finding
        };
        every_task.map(vacuous).collect()
    }

    fn hang(&self) -> Option<Finding> {
        let hang = self.seen.hang.as_ref()?;
        let mut finding =
            self.finding(Kind::Hang, words::hang(hang, self.settings.deadline), 1, vec![self.place.clone()]);
        let awaits: Vec<String> = self.seen.body_awaits.iter().filter_map(|stack| awaited(stack)).collect();
        finding.evidence.extend(awaits.into_iter().map(|place| evidence("body awaits", place)));
        if let Hang::BodyUnfinished { doing: Some(doing) } | Hang::LeftoversBlock { doing: Some(doing) } = hang {
            finding.evidence.push(evidence("its thread", doing.clone()));
        }
        if !matches!(hang, Hang::FinishedLate { .. }) {
            finding.evidence.extend(self.alive());
        }
        finding.evidence.push(evidence("live", words::next_of_console(console::AVAILABLE)));
        finding.next = words::next_of_hang(hang);
        Some(finding)
    }

    /// Returns the census as evidence: one line a spawn place.
    fn alive(&self) -> Vec<Evidence> {
        let left = &self.seen.settled.left;
        if left.tasks.is_empty() {
            return vec![evidence("alive", words::counted_tasks(left.counted))];
        }
        let by_site = by_site(&left.tasks);
        by_site
            .iter()
            .map(|(site, tasks)| {
                let place = self.awaits(tasks).map(|place| format!(", awaits {place}")).unwrap_or_default();
                evidence("alive", format!("{} spawned at {site}{place}", words::tasks(tasks.len())))
            })
            .collect()
    }

    fn leaked_tasks(&self, rules: &mut Rules) -> Vec<Finding> {
        let left = &self.seen.settled.left;
        let asks_for_functions = rules.ask_for_functions();
        let allowed = |task: &&LiveTask| {
            // Names are slow, and most rules need none.
            let functions = if asks_for_functions { task.spawned_in() } else { Vec::new() };
            rules.permit(Subject::Task {
                id: task.id,
                site: &task.site,
                functions: &functions,
                name: task.name.as_deref(),
            })
        };
        let (allowed, leaked): (Vec<&LiveTask>, Vec<&LiveTask>) = left.tasks.iter().partition(allowed);
        let before = self.polls_before();
        let mut findings: Vec<Finding> =
            by_site(leaked).into_iter().map(|(site, tasks)| self.leaked(site, &tasks, &before)).collect();
        findings.extend(self.uncounted(left.tasks.len(), left.counted, allowed.len()));
        findings
    }

    /// Returns the finding for the tasks of one spawn place.
    fn leaked(&self, site: Site, tasks: &[&LiveTask], before: &BTreeMap<u64, u32>) -> Finding {
        let oldest = tasks.iter().filter_map(|task| task.age).max();
        let movement = movement(tasks, before);
        let mut finding = self.finding(Kind::LeakedTask, words::leaked(tasks.len()), tasks.len(), vec![site.clone()]);
        let mut names: Vec<&str> = tasks.iter().filter_map(|task| task.name.as_deref()).collect();
        names.dedup();
        if !names.is_empty() {
            finding.evidence.push(evidence("name", names.join(", ")));
        }
        let awaits = self.awaits(tasks);
        if awaits.is_none() {
            // Names are slow, and a place inside the function says more.
            finding.evidence.extend(tasks.iter().find_map(|task| task.runs()).map(|future| evidence("runs", future)));
        }
        finding.evidence.push(evidence("state", words::movement(movement, tasks, self.seen.settled.waited)));
        let waited = self.seen.settled.waited;
        finding.evidence.push(match oldest {
            Some(age) => evidence("age", words::age(age, waited, self.virtual_time())),
            None => evidence("waited", words::waited(waited, self.virtual_time())),
        });
        finding.evidence.extend(awaits.map(|place| evidence("awaits", place)));
        finding.next = words::next_of_leak(movement);
        self.waits(&mut finding, tasks, movement);
        finding.rule = Some(words::rule_for_place("spawned", &site));
        finding
    }

    /// Adds who waits for what, and whether anything can still wake these tasks.
    fn waits(&self, finding: &mut Finding, tasks: &[&LiveTask], movement: Movement) {
        let look = match &self.seen.look {
            Some(Ok(look)) => look,
            Some(Err(why)) => {
                let withheld = Outlook::Withheld(why.clone());
                finding.evidence.push(evidence("verdict", graph::words::outlook(&withheld, |_| String::new())));
                return;
            }
            None => {
                if graph::AVAILABLE && movement == Movement::Waiting && self.ledger.number() != recorder::NO_RUN {
                    finding.evidence.push(evidence("woken by", graph::words::UNASKED));
                }
                return;
            }
        };
        let kinds = lock(&self.ledger.kinds).clone();
        let (graph, drawn) = look.drawn(&self.seen.settled.left.tasks, &kinds);
        let place = |task: &&LiveTask| drawn.iter().position(|drawn| *drawn == task.id);
        let (drawn, places): (Vec<&LiveTask>, Vec<usize>) =
            tasks.iter().filter_map(|task| Some((*task, place(task)?))).unzip();
        let (mut graph, own) = graph.around(&places);
        for (at, task) in own.iter().zip(drawn) {
            graph.nodes[*at].awaits = self.awaits(&[task]);
            if matches!(movement, Movement::Looping { .. }) {
                graph.nodes[*at].outlook = Some(Outlook::Looping);
            }
        }
        let mut told: BTreeMap<String, usize> = BTreeMap::new();
        for at in &own {
            let outlook = graph.nodes[*at].outlook.as_ref();
            let text = outlook.map(|outlook| graph::words::outlook(outlook, |waker| graph::words::task(&graph, waker)));
            *told.entry(text.unwrap_or_default()).or_default() += 1;
        }
        for (text, number) in &told {
            let of = if told.len() == 1 { String::new() } else { format!("{number} of {}: ", own.len()) };
            finding.evidence.push(evidence("verdict", of + text));
        }
        let Some(first) = own.first() else { return };
        let story = Story::of(&graph, *first);
        finding.evidence.extend(story.told(&graph).map(|chain| evidence("because", chain)));
        if let Some(shape) = story.shape {
            finding.evidence.push(evidence("shape", graph::words::shape(shape)));
            finding.next = graph::words::fix(shape).to_owned();
        }
        finding.waits = Some(graph.readable());
    }

    /// Returns what the first of these tasks that can be seen awaits.
    fn awaits(&self, tasks: &[&LiveTask]) -> Option<String> {
        let stacks =
            tasks.iter().find_map(|task| self.seen.stacks.get(&task.id).filter(|stacks| !stacks.is_empty()))?;
        let places: Vec<String> = stacks.iter().filter_map(|stack| awaited(stack)).collect();
        (!places.is_empty()).then(|| places.join(", or "))
    }

    /// Returns how often each task had been polled when the wait began.
    fn polls_before(&self) -> BTreeMap<u64, u32> {
        let before = self.seen.settled.before.tasks.iter();
        before.map(|task| (task.id, task.polls.unwrap_or(0))).collect()
    }

    /// Returns the finding for tasks that the runtime counts and the ledger does not know: all of them without hooks.
    fn uncounted(&self, known: usize, counted: usize, allowed: usize) -> Option<Finding> {
        let more = counted.checked_sub(known).filter(|more| *more > 0)?;
        let mut finding = self.finding(Kind::LeakedTask, words::leaked(more), more, Vec::new());
        finding.evidence.push(evidence("waited", words::waited(self.seen.settled.waited, self.virtual_time())));
        if hooks::HOOKED {
            finding.evidence.push(evidence("sources", words::disagreement(counted, known, allowed)));
        }
        finding.next = words::next_of_count(hooks::HOOKED);
        Some(finding)
    }

    fn blocked_threads(&self, rules: &mut Rules) -> Vec<Finding> {
        let threads = |starter: words::Starter| match starter {
            words::Starter::Runtime => {
                let own = self.seen.runtime_threads.iter();
                own.map(|thread| (thread.name.clone(), thread.tid)).collect::<Vec<_>>()
            }
            words::Starter::Test => self.seen.other_threads.iter().map(|it| (it.name.clone(), Some(it.tid))).collect(),
        };
        let mut findings = Vec::new();
        for starter in [words::Starter::Runtime, words::Starter::Test] {
            for (name, tid) in threads(starter) {
                if rules.permit(Subject::Thread { name: &name }) {
                    continue;
                }
                // Nothing tells which of the closures that are left the thread is in, or which of the threads it is.
                let places = match starter {
                    words::Starter::Runtime => self.places_of_closures(),
                    words::Starter::Test => self.seen.thread_places.clone(),
                };
                let mut finding = self.finding(Kind::BlockedThread, words::blocked(starter), 1, places);
                finding.evidence.push(evidence("thread", format!("`{name}`")));
                finding.evidence.extend(tid.and_then(threads::doing).map(|doing| evidence("state", doing)));
                finding.next = words::next_of_thread(starter);
                finding.rule = Some(words::rule("thread", &name));
                findings.push(finding);
            }
        }
        findings
    }

    /// Returns where the blocking closures were spawned that outlived the runtime, each place once.
    fn places_of_closures(&self) -> Vec<Site> {
        let places: BTreeSet<&Site> = self.seen.blocking.iter().map(|closure| &closure.site).collect();
        places.into_iter().cloned().collect()
    }

    fn task_panics(&self, rules: &mut Rules) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        for panicked in &self.seen.panics {
            let Who::Task(_) = panicked.who else { continue };
            if !panicked.left_its_task() || rules.permit(Subject::Panic { message: &panicked.message }) {
                continue;
            }
            let sites: Vec<Site> = panicked.place.iter().cloned().collect();
            if let Some(same) = findings.iter_mut().find(|finding| finding.sites == sites) {
                same.count += 1;
                same.summary = words::panicked(same.count);
                continue;
            }
            let mut finding = self.finding(Kind::TaskPanic, words::panicked(1), 1, sites);
            finding.evidence.push(evidence("message", panicked.message.clone()));
            finding.next = words::next_of_panic();
            finding.rule = Some(words::rule("panic", &panicked.message));
            findings.push(finding);
        }
        findings
    }

    /// Returns a finding for the channels of one kind, place and type that are still open.
    fn open_channels(&self, rules: &mut Rules) -> Vec<Finding> {
        let mut by_place: BTreeMap<(&Site, &str, Option<&str>), Vec<&LiveChannel>> = BTreeMap::new();
        for channel in self.seen.channels.iter().filter(|channel| channel.closes) {
            if !rules.permit(Subject::Channel { site: &channel.site, functions: &channel.functions }) {
                let place = (&channel.site, &*channel.kind, channel.element.as_deref());
                by_place.entry(place).or_default().push(channel);
            }
        }
        by_place.into_values().map(|channels| self.open(&channels)).collect()
    }

    /// Returns the finding for channels of one kind, place and type.
    fn open(&self, channels: &[&LiveChannel]) -> Finding {
        let (first, number) = (channels[0], channels.len());
        let site = first.site.clone();
        let mut finding = self.finding(Kind::OpenChannel, words::open(number), number, vec![site.clone()]);
        finding.evidence.push(evidence("kind", words::kind_of_channel(&first.kind, first.element.as_deref())));
        let most = channels.iter().max_by_key(|channel| channel.handles).unwrap_or(&first);
        finding.evidence.push(evidence("handles", words::handles(most)));
        finding.next = words::next_of_channel();
        finding.rule = Some(words::rule_for_place("created", &site));
        finding
    }

    fn coverage(&self, rules: &Rules) -> Coverage {
        let spawned = self.ledger.tasks.begun();
        let mut unseen = Vec::new();
        if !hooks::HOOKED {
            unseen.push(words::unseen_without_hooks());
        } else if !dump::AVAILABLE {
            unseen.push(words::unseen_await_places());
        }
        let looked = allocation::prepare(self.settings.allocations);
        unseen.extend(looked.err().map(words::unseen_allocations));
        unseen.extend(words::unseen_cells(self.seen.settled.left.unallocated));
        if looked.is_ok() && self.settings.channels == Channels::Deny {
            unseen.extend(words::unseen_channels(allocation::Calibration::get().missing()));
        }
        unseen.extend(words::unseen_for_want_of_memory(recorder::lost()));
        match &self.seen.look {
            Some(Ok(look)) => {
                unseen.extend(graph::words::unseen_proofs(look.unproven()));
                unseen.extend(graph::words::unseen_ways(&look.unlearned()));
            }
            Some(Err(why)) => unseen.push(graph::words::unseen_waits(why)),
            None => {}
        }
        if dye::of_nothing() {
            unseen.push(words::unseen_threads());
        }
        unseen.extend(self.ledger.components.misunderstood().into_iter().map(words::misunderstood));
        unseen.extend(self.ledger.events_missed.load(Ordering::Acquire).then(words::unseen_events));
        for (rule, of) in rules.catch_alls() {
            unseen.extend(words::unseen_by_rule(of, rule));
        }
        Coverage { runs: 1, tasks: spawned, exact: hooks::HOOKED, work: self.work(), unseen, searched: None }
    }
}

/// Returns what these tasks did during the grace.
fn movement(tasks: &[&LiveTask], before: &BTreeMap<u64, u32>) -> Movement {
    let polled = |task: &&LiveTask| task.polls.unwrap_or(0).saturating_sub(before.get(&task.id).copied().unwrap_or(0));
    let most = tasks.iter().map(polled).max().unwrap_or(0);
    if tasks.iter().any(|task| task.state == State::Running) {
        Movement::Running
    } else if most > 1 {
        Movement::Looping { polls: most }
    } else if tasks.iter().all(|task| task.state == State::Unstarted) {
        Movement::Unstarted
    } else if tasks.iter().any(|task| task.state == State::Runnable) {
        Movement::Runnable
    } else {
        Movement::Waiting
    }
}

fn evidence(about: &str, seen: impl Into<String>) -> Evidence {
    Evidence { about: about.to_owned(), seen: seen.into() }
}

fn by_site<'a>(tasks: impl IntoIterator<Item = &'a LiveTask>) -> BTreeMap<Site, Vec<&'a LiveTask>> {
    let mut by_site: BTreeMap<Site, Vec<&LiveTask>> = BTreeMap::new();
    for task in tasks {
        by_site.entry(task.site.clone()).or_default().push(task);
    }
    by_site
}
