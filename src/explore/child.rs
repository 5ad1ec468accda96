//! The child's side: a test that a search has started in a process of its own, and that plays what it is told.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::Question;
use super::player::{Attempt, Inside, Player};
use super::wire::{self, Order, Told};
use crate::body::Body;
use crate::disturb::inject::Played;
use crate::error::Error;
use crate::lock::lock;
use crate::run::{self, Curtain, Stage};

/// How long results of plans that passed may wait for more of them.
const PATIENCE: Duration = Duration::from_millis(20);
/// How much of what a run printed is told, in bytes: the end of it.
const PRINTED: u64 = 16 << 10;

/// Plays what is asked for, until nobody asks any more; ends the process.
///
/// # Errors
///
/// If the search cannot be reached.
pub(crate) fn serve(question: &Question, socket: &Path, body: Body) -> Result<Infallible, Error> {
    let link = Arc::new(Mutex::new(Link::open(socket).map_err(Error::child)?));
    let play = {
        let (question, link) = (question.clone(), link.clone());
        move |stage: &mut Stage| {
            stage.count_threads();
            let mut player = Inside::new(&question, stage, &body);
            answer(&mut player, &link)
        }
    };
    match run::on_stage(&question.name, &question.settings, play)? {
        Curtain::Fell(result) => result.map_err(Error::child)?,
        Curtain::Stuck(_, run) => {
            let (seen, ledger) = *run;
            let outcome = question.judge(seen, &ledger)?;
            let attempt = Attempt { played: Played::default(), outcome: Some(outcome.into()) };
            lock(&link).tell(Ok(attempt), IsLast::Yes).map_err(Error::child)?;
        }
    }
    process::exit(0)
}

/// Plays one order after the other.
fn answer(player: &mut impl Player, link: &Mutex<Link>) -> io::Result<()> {
    let mut orders = lock(link).orders.take().expect("lightsout bug: orders are read in one place");
    while let Some(Order { scripts }) = wire::receive(&mut orders)? {
        for script in scripts {
            lock(link).paper.clear()?;
            let attempt = player.play(&script).map_err(|error| error.to_string());
            lock(link).tell(attempt, IsLast::No)?;
        }
        lock(link).flush()?;
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum IsLast {
    Yes,
    No,
}

/// The way back to the search.
struct Link {
    /// `None` once the stage reads them.
    orders: Option<BufReader<UnixStream>>,
    told: BufWriter<UnixStream>,
    flushed: Instant,
    paper: Paper,
}

impl Link {
    fn open(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        let orders = Some(BufReader::new(stream.try_clone()?));
        let paper = Paper(File::options().read(true).write(true).open(socket.with_extension("out"))?);
        Ok(Self { orders, told: BufWriter::new(stream), flushed: Instant::now(), paper })
    }

    fn tell(&mut self, attempt: Result<Attempt, String>, is_last: IsLast) -> io::Result<()> {
        let has_failed = attempt.as_ref().map_or(true, Attempt::has_failed);
        let printed = if has_failed { self.paper.read()? } else { String::new() };
        wire::send(&mut self.told, &Told { attempt, printed, is_last: is_last == IsLast::Yes })?;
        if has_failed || self.flushed.elapsed() > PATIENCE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushed = Instant::now();
        self.told.flush()
    }
}

/// The file that this process prints to.
struct Paper(File);

impl Paper {
    /// Forgets what earlier runs have printed.
    fn clear(&mut self) -> io::Result<()> {
        io::stdout().flush()?;
        if self.0.metadata()?.len() > 0 { self.0.set_len(0) } else { Ok(()) }
    }

    /// Returns the end of what was printed since.
    fn read(&mut self) -> io::Result<String> {
        io::stdout().flush()?;
        let from = self.0.metadata()?.len().saturating_sub(PRINTED);
        self.0.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        Read::by_ref(&mut self.0).take(PRINTED).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
