//! Plays plans in child processes, each the test binary once more for this one test: a signal then reaches nobody else, a handler is
//! installed when the program installs it, and a program that ends its process ends only a child.
//!
//! A child tells its results in batches. Where it dies, the plans that it has not told of are played again one by one, which shows
//! the one that it died of.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::Question;
use super::interrupt;
use super::player::{Attempt, Player};
use super::wire::{self, Order, Told};
use crate::disturb::inject::Played;
use crate::disturb::plan::Plan;
use crate::error::Error;
use crate::finding::{Coverage, Ending, Evidence, Kind};
use crate::judge::Outcome;
use crate::lock::lock;
use crate::report::words;
use crate::run::Script;
use crate::settings;

/// How many plans a child is given at once.
const BATCH: usize = 64;
/// From how many plans on it is worth to start a further child.
const WORTH: usize = 4 * BATCH;
/// How many children there may be at most: other tests want to run too.
const CREW: usize = 4;
/// How long a child may take to start, and longer than its own deadlines to answer.
const START: Duration = Duration::from_secs(60);
/// How many lines of what a run printed are told.
const LINES: usize = 30;

/// Plays plans in children.
pub(crate) struct Isolated<'a> {
    question: &'a Question,
    /// The test's name, as its runner knows it.
    case: String,
    seats: Vec<Seat>,
}

/// A place for a child; `None` before the first, and after one has ended.
#[derive(Default)]
struct Seat(Option<Worker>);

impl<'a> Isolated<'a> {
    pub(crate) fn new(question: &'a Question) -> Self {
        let case = thread::current().name().filter(|name| *name != "main").unwrap_or(&question.name).to_owned();
        let crew = thread::available_parallelism().map_or(1, |cores| cores.get().min(CREW));
        Self { question, case, seats: (0..crew).map(|_| Seat::default()).collect() }
    }
}

impl Player for Isolated<'_> {
    const BLOCK: usize = 64 * BATCH;

    fn play(&mut self, script: &Script) -> Result<Attempt, Error> {
        self.seats[0].play_one(self.question, &self.case, script)
    }

    fn play_all(&mut self, plans: &[Plan]) -> Result<Vec<Attempt>, Error> {
        let crew = (plans.len() / WORTH + 1).min(self.seats.len());
        // Several batches a child, so that all of them have something to do until the end.
        let batch = plans.len().div_ceil(4 * crew).clamp(1, BATCH);
        let batches = Mutex::new(plans.chunks(batch).enumerate());
        let (question, case) = (self.question, &*self.case);
        let work = |seat: &mut Seat| -> Result<Vec<(usize, Vec<Attempt>)>, Error> {
            let next = || if interrupt::is_asked() { None } else { lock(&batches).next() };
            let play = |(number, plans)| Ok((number, seat.play_batch(question, case, plans)?));
            std::iter::from_fn(next).map(play).collect()
        };
        let played: Result<Vec<_>, Error> = thread::scope(|scope| {
            let threads: Vec<_> = self.seats[..crew].iter_mut().map(|seat| scope.spawn(|| work(seat))).collect();
            let join =
                |thread: thread::ScopedJoinHandle<'_, _>| thread.join().expect("lightsout bug: it does not panic");
            threads.into_iter().map(join).collect()
        });
        let mut played: Vec<_> = played?.into_iter().flatten().collect();
        played.sort_unstable_by_key(|(number, _)| *number);
        Ok(played.into_iter().flat_map(|(_, attempts)| attempts).collect())
    }

    /// A fresh process knows: there the signals would end the program.
    fn is_unheard(&mut self, plan: &Plan, _: &Played) -> Result<bool, Error> {
        let mut fresh = Seat::default();
        let attempt = fresh.play_one(self.question, &self.case, &Script::of(plan.clone()))?;
        Ok(attempt.played.refused > 0)
    }
}

impl Seat {
    /// Plays a batch, and what is left of it one by one where the child dies.
    fn play_batch(&mut self, question: &Question, case: &str, plans: &[Plan]) -> Result<Vec<Attempt>, Error> {
        let scripts: Vec<Script> = plans.iter().cloned().map(Script::of).collect();
        let mut attempts = Vec::with_capacity(scripts.len());
        while attempts.len() < scripts.len() {
            let rest = &scripts[attempts.len()..];
            let told = attempts.len();
            self.worker(question, case)?.play(rest, &mut attempts)?;
            if attempts.len() < scripts.len() {
                self.0 = None;
                if attempts.len() == told {
                    attempts.push(self.play_one(question, case, &rest[0])?);
                }
            }
        }
        Ok(attempts)
    }

    /// Plays one script.
    fn play_one(&mut self, question: &Question, case: &str, script: &Script) -> Result<Attempt, Error> {
        let mut attempts = Vec::new();
        let worker = self.worker(question, case)?;
        let is_alive = worker.play(std::slice::from_ref(script), &mut attempts)?;
        let death = attempts.is_empty().then(|| worker.death(question));
        if !is_alive {
            self.0 = None;
        }
        match death {
            Some(outcome) => Ok(Attempt { played: Played::default(), outcome: Some(outcome?.into()) }),
            None => Ok(attempts.remove(0)),
        }
    }

    fn worker(&mut self, question: &Question, case: &str) -> Result<&mut Worker, Error> {
        match &mut self.0 {
            Some(worker) => Ok(worker),
            empty => Ok(empty.insert(Worker::start(question, case).map_err(Error::child)?)),
        }
    }
}

/// One child.
struct Worker {
    process: Child,
    orders: BufWriter<UnixStream>,
    told: BufReader<UnixStream>,
    /// The folder with the file that it prints to.
    folder: Folder,
}

impl Worker {
    fn start(question: &Question, case: &str) -> io::Result<Self> {
        let folder = Folder::make()?;
        let socket = folder.0.join("link");
        let listener = UnixListener::bind(&socket)?;
        let printed = File::options().create(true).append(true).open(socket.with_extension("out"))?;
        let mut command = Command::new(std::env::current_exe()?);
        if question.settings.search.plan.is_none() {
            // A hundred plans may panic, and the place is told anyway. A replay has what its user asks for.
            command.env("RUST_BACKTRACE", "0");
        }
        let mut process = command
            .args([case, "--exact", "--nocapture", "--include-ignored"])
            .env(settings::CHILD, settings::child_of(&socket, &question.name))
            .stdin(Stdio::null())
            .stdout(printed.try_clone()?)
            .stderr(printed)
            .process_group(0)
            .spawn()?;
        let stream = accept(&listener, &mut process).map_err(|error| {
            let _ = process.kill().and_then(|()| process.wait());
            let printed = fs::read_to_string(socket.with_extension("out")).unwrap_or_default();
            io::Error::other(format!("{error}; it printed:\n{printed}"))
        })?;
        // It answers within its own deadlines, unless it is stopped altogether.
        let patience = 2 * (question.settings.deadline + question.settings.grace) + START;
        stream.set_read_timeout(Some(patience))?;
        let told = BufReader::new(stream.try_clone()?);
        Ok(Self { process, orders: BufWriter::new(stream), told, folder })
    }

    /// Plays scripts and collects what they came to; returns whether the child lives on. One that died has told less.
    fn play(&mut self, scripts: &[Script], attempts: &mut Vec<Attempt>) -> Result<bool, Error> {
        let order = Order { scripts: scripts.to_vec() };
        if wire::send(&mut self.orders, &order).and_then(|()| self.orders.flush()).is_err() {
            return Ok(false);
        }
        for _ in scripts {
            let Ok(Some(Told { attempt, printed, is_last })) = wire::receive(&mut self.told) else { return Ok(false) };
            let mut attempt = attempt.map_err(Error::told_by_child)?;
            if let Some(outcome) = attempt.outcome.as_mut().filter(|outcome| outcome.has_failed()) {
                tell_printed(outcome, &printed);
            }
            attempts.push(attempt);
            if is_last {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns what is to be told of a child that died.
    fn death(&mut self, question: &Question) -> Result<Outcome, Error> {
        // One that lives has not answered in time.
        let status = match self.process.try_wait().map_err(Error::child)? {
            Some(status) => Some(status),
            None => waited(&mut self.process, Duration::from_millis(500)).map_err(Error::child)?,
        };
        let printed = fs::read(self.folder.0.join("link.out")).unwrap_or_default();
        let (kind, summary, next) = match status {
            Some(status) => (Kind::Died, words::died(&how(status)), words::next_of_died()),
            None => (Kind::Hang, words::does_not_answer(), words::next_of_no_answer()),
        };
        let mut outcome = Outcome {
            ending: Ending::Unfinished,
            plan: None,
            hang: None,
            findings: vec![question.finding(kind, summary, next)],
            notes: Vec::new(),
            allowed: Vec::new(),
            coverage: Coverage::default(),
            took: Duration::ZERO,
        };
        tell_printed(&mut outcome, &String::from_utf8_lossy(&printed));
        Ok(outcome)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Nothing is left to be said: it is to go, however it feels about it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Adds what the run printed to its findings, as evidence of the first.
fn tell_printed(outcome: &mut Outcome, printed: &str) {
    let lines: Vec<&str> = printed.trim_end().lines().collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
    if let Some(finding) = outcome.findings.first_mut().filter(|_| !last.is_empty()) {
        finding.evidence.push(Evidence { about: "printed".to_owned(), seen: last });
    }
}

/// Says how a process ended.
fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => words::exited(code),
        (None, Some(signal)) => {
            let name = nix::sys::signal::Signal::try_from(signal).map(nix::sys::signal::Signal::as_str);
            words::killed(name.map_or_else(|_| signal.to_string(), str::to_owned).as_str())
        }
        (None, None) => status.to_string(),
    }
}

/// Waits for a process a while; returns `None` if it lives on.
fn waited(process: &mut Child, patience: Duration) -> io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    while began.elapsed() < patience {
        if let Some(status) = process.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(None)
}

/// Waits until the child has come.
fn accept(listener: &UnixListener, process: &mut Child) -> io::Result<UnixStream> {
    listener.set_nonblocking(true)?;
    let began = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if let Some(status) = process.try_wait()? {
            return Err(io::Error::other(format!("it ended before the test began, with {}", how(status))));
        }
        if began.elapsed() > START {
            return Err(io::Error::other("it did not begin the test in time"));
        }
        thread::sleep(Duration::from_micros(200));
    }
}

/// A folder that is gone when it is no longer needed.
struct Folder(PathBuf);

impl Folder {
    fn make() -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("lightsout-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
