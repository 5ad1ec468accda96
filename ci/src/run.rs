//! `cargo lightsout run -- PROGRAM ARGS`: the black box. Starts any program, waits until it is ready, loads it, sends it signals, and judges
//! from outside how it stops.
//!
//! The program writes into a file and not into a pipe, which whoever it leaves behind would hold open. On Linux we are the reaper of whatever
//! it leaves: a child whose parent is gone becomes ours, so none gets away unseen.

mod census;
mod judge;
mod outside;
mod sequence;

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::cli::Run;
use crate::error::Error;
use crate::exit::Exit;
use crate::run::census::{Eye, Look};
use crate::run::judge::{Course, Ready};
use crate::run::outside::Outside;
use crate::run::sequence::Step;
use crate::show;

pub(crate) use census::{Blind, Cost, Sort, Thing};
pub(crate) use judge::Fault;
pub(crate) use outside::Sample;
pub(crate) use sequence::{Sequence, time};

/// How often something is looked at that tells nobody when it changes.
const GLANCE: Duration = Duration::from_millis(5);
/// Numbers that have not changed for so long are taken for settled.
const QUIET: Duration = Duration::from_millis(200);
/// After so long they are taken as they are.
const SETTLED: Duration = Duration::from_secs(3);
/// What a program leaves may take so long to end by itself.
const AFTERLIFE: Duration = Duration::from_millis(500);
/// One try to connect.
const CONNECT: Duration = Duration::from_millis(100);

/// Runs a program and judges it.
pub(crate) fn run(asked: &Run) -> Result<Exit, Error> {
    let outside = Outside::new()?;
    asked.signals.signals().try_for_each(|signal| outside.can_arrive(signal))?;
    let mut program = Program::start(asked)?;
    let course = program.course(asked, &outside);
    // Nothing that we started stays, whatever went wrong.
    outside.end_all(&mut program.child);
    let course = course?;
    let verdict = judge::judge(asked, &course);
    show::plain(judge::page(&verdict, &course, &program.output).as_bytes());
    if let Some(path) = &asked.json {
        fs::write(path, judge::json(&verdict, &course)).map_err(|error| Error::write_file(path, &error))?;
    }
    if verdict.exit == Exit::Clean && asked.output.is_none() {
        // Nobody asked for it, and there is nothing to look up in it.
        let _ = fs::remove_file(&program.output);
    }
    Ok(verdict.exit)
}

/// A program that runs.
#[derive(Debug)]
struct Program {
    child: Child,
    /// Where everything goes that it prints.
    output: PathBuf,
    /// What looks at its tasks; `None` where that was not asked for.
    eye: Option<Eye>,
    /// What was allocated before the first round, after each, and before each signal; a program that hangs is looked at once more.
    looks: Vec<Look>,
}

impl Program {
    fn start(asked: &Run) -> Result<Self, Error> {
        let unnamed = || std::env::temp_dir().join(format!("lightsout-run-{}.log", std::process::id()));
        let output = asked.output.clone().unwrap_or_else(unnamed);
        let file = || File::options().create(true).append(true).open(&output);
        let failed = |error| Error::write_log(&output, &error);
        File::create(&output).map_err(failed)?;
        let (stdout, stderr) = (file().map_err(failed)?, file().map_err(failed)?);
        let mut command = Command::new(&asked.program[0]);
        command.args(&asked.program[1..]).stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let mut eye = asked.census.then(|| Eye::open(&asked.program[0], asked.children)).transpose()?;
        eye.iter_mut().for_each(|eye| eye.hang(&mut command));
        let child = command.spawn().map_err(|error| Error::run_program(&asked.program[0], &error))?;
        Ok(Self { child, output, eye, looks: Vec::new() })
    }

    /// Takes it through its life.
    fn course(&mut self, asked: &Run, outside: &Outside) -> Result<Course, Error> {
        let mut course = Course { ready: self.wait_until_ready(asked)?, ..Course::default() };
        if matches!(course.ready, Ready::After(_)) {
            course.rounds = self.load(asked, outside)?;
            course.before = outside.sample(self.child.id());
            course.processor = outside.processor_time(self.child.id());
            let sent = self.send(&asked.signals, outside)?;
            course.signals = sent.signals;
            course.ended = self.ended_within(asked.exit_within)?;
            course.took = sent.last.elapsed();
            if course.ended.is_none() {
                course.stuck = outside.state_of(self.child.id());
                self.look();
            }
            course.left =
                if course.ended.is_some() { outside.left_after(AFTERLIFE, &course.before) } else { Sample::default() };
        } else {
            course.ended = self.try_wait()?;
        }
        course.printed = String::from_utf8_lossy(&fs::read(&self.output).unwrap_or_default()).into_owned();
        course.unseen = outside.unseen();
        let (id, looks) = (self.child.id(), &self.looks);
        course.census = self.eye.take().map(|eye| eye.told(id, looks)).transpose()?;
        Ok(course)
    }

    fn look(&mut self) {
        let id = self.child.id();
        self.looks.extend(self.eye.as_mut().map(|eye| eye.look(id)));
    }

    fn try_wait(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.child.try_wait().map_err(|error| Error::wait_for_program(&error))
    }

    fn ended_within(&mut self, patience: Duration) -> Result<Option<ExitStatus>, Error> {
        let start = Instant::now();
        loop {
            match self.try_wait()? {
                None if start.elapsed() < patience => std::thread::sleep(GLANCE),
                ended => return Ok(ended),
            }
        }
    }

    fn wait_until_ready(&mut self, asked: &Run) -> Result<Ready, Error> {
        let start = Instant::now();
        loop {
            if self.try_wait()?.is_some() {
                return Ok(Ready::Died);
            }
            if self.is_ready(asked, start.elapsed()) {
                return Ok(Ready::After(start.elapsed()));
            }
            if start.elapsed() > asked.ready_within {
                return Ok(Ready::Never);
            }
            std::thread::sleep(GLANCE);
        }
    }

    /// Returns whether everything holds that was asked for.
    fn is_ready(&self, asked: &Run, since: Duration) -> bool {
        let is_asked = asked.ready_port.is_some() || asked.ready_line.is_some();
        let least = asked.ready_after.unwrap_or(if is_asked { Duration::ZERO } else { Duration::from_secs(1) });
        since >= least
            && asked.ready_line.as_ref().is_none_or(|line| prints(&self.output, line))
            && asked.ready_port.is_none_or(listens)
    }

    /// Loads it round by round; returns the numbers before the first one and after each.
    fn load(&mut self, asked: &Run, outside: &Outside) -> Result<Vec<Sample>, Error> {
        let Some(load) = &asked.load else { return Ok(Vec::new()) };
        let mut samples = vec![self.settled(outside)];
        for _ in 0..asked.rounds {
            let status = Command::new("sh").arg("-c").arg(load).stdin(Stdio::null()).stdout(Stdio::null()).status();
            let status = status.map_err(|error| Error::run_load(load, &error))?;
            if !status.success() {
                return Err(Error::load_failed(load, &status.to_string()));
            }
            samples.push(self.settled(outside));
        }
        Ok(samples)
    }

    /// Waits until the numbers stay as they are.
    fn settled(&mut self, outside: &Outside) -> Sample {
        let (id, start) = (self.child.id(), Instant::now());
        let mut now = || (outside.sample(id), self.eye.as_mut().map(|eye| eye.look(id)));
        let (mut seen, mut since) = (now(), Instant::now());
        let mut took = start.elapsed();
        while since.elapsed() < QUIET && start.elapsed() < SETTLED {
            // The program is to have the processors for as long at least.
            std::thread::sleep(GLANCE.max(took));
            let begin = Instant::now();
            let next = now();
            took = begin.elapsed();
            if next != seen {
                (seen, since) = (next, Instant::now());
            }
        }
        self.looks.extend(seen.1);
        seen.0
    }

    /// Sends the signals; one that comes too late is not sent.
    fn send(&mut self, sequence: &Sequence, outside: &Outside) -> Result<Sent, Error> {
        let mut sent = Sent { signals: Vec::new(), last: Instant::now() };
        for step in &sequence.0 {
            match step {
                Step::Gap(gap) => std::thread::sleep(*gap),
                Step::Signal(signal) if self.try_wait()?.is_none() => {
                    self.look();
                    outside.signal(self.child.id(), *signal)?;
                    sent.signals.push(signal.name());
                    sent.last = Instant::now();
                }
                Step::Signal(_) => break,
            }
        }
        Ok(sent)
    }
}

/// What was sent.
struct Sent {
    signals: Vec<&'static str>,
    last: Instant,
}

fn prints(output: &Path, line: &str) -> bool {
    fs::read(output).is_ok_and(|text| String::from_utf8_lossy(&text).contains(line))
}

fn listens(port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), CONNECT).is_ok()
}
