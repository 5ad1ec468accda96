//! A plan: which disturbance comes at which boundary. Printed and parsed as text.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::signal::Signal;
use crate::error::Error;

/// Stands for a plan without disturbances, which would otherwise be an empty text.
const UNDISTURBED: &str = "undisturbed";
const DELAY: &str = "delay";
const SEED: &str = "seed=";

/// What is done at a boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Disturbance {
    /// The signal is raised.
    Signal(Signal),
    /// The poll that comes next is delayed.
    Delay,
}

/// One disturbance with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Step {
    /// After so many polls.
    pub(crate) at: u32,
    pub(crate) what: Disturbance,
}

/// What disturbs a run: signals and delays in their order, each at a boundary, and the seed of the runtime's random choices.
///
/// Boundary *k* is the point after *k* polls of any task of the run, the body included; 0 is before the first poll. Several signals
/// at one boundary are a burst.
///
/// ```
/// use lightsout::{Plan, Signal};
///
/// let plan: Plan = "SIGTERM@17 SIGTERM@19 delay@23 seed=4".parse()?;
/// assert_eq!(plan, Plan::new().signal(Signal::Term, 17).signal(Signal::Term, 19).delay(23).seed(4));
/// assert_eq!(plan.to_string(), "SIGTERM@17 SIGTERM@19 delay@23 seed=4");
/// # Ok::<(), lightsout::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Plan {
    /// In the order of their boundaries.
    steps: Vec<Step>,
    /// 0 unless set.
    seed: u64,
}

impl Plan {
    /// The last boundary that a plan can name.
    pub const LAST: u32 = 1_000_000_000;

    /// Makes a plan that disturbs nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a signal at a boundary, behind what is there already.
    ///
    /// # Panics
    ///
    /// If the boundary is behind [`LAST`](Self::LAST).
    #[must_use]
    pub fn signal(self, signal: Signal, boundary: u32) -> Self {
        self.with(Step { at: boundary, what: Disturbance::Signal(signal) })
    }

    /// Delays the poll that follows a boundary.
    ///
    /// # Panics
    ///
    /// If the boundary is behind [`LAST`](Self::LAST).
    #[must_use]
    pub fn delay(self, boundary: u32) -> Self {
        self.with(Step { at: boundary, what: Disturbance::Delay })
    }

    /// Sets the seed from which the runtime takes its random choices, as `select!` does.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    pub(crate) fn with(mut self, step: Step) -> Self {
        assert!(step.at <= Self::LAST, "boundary {} is behind the last one, {}", step.at, Self::LAST);
        let place = self.steps.partition_point(|other| other.at <= step.at);
        self.steps.insert(place, step);
        self
    }

    /// Returns the plan without one of its steps.
    pub(crate) fn without(&self, step: usize) -> Self {
        let mut plan = self.clone();
        plan.steps.remove(step);
        plan
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(crate) fn chosen_seed(&self) -> u64 {
        self.seed
    }

    /// Returns whether nothing is disturbed.
    #[must_use]
    pub fn is_undisturbed(&self) -> bool {
        self.steps.is_empty() && self.seed == 0
    }

    /// Returns the signals with their boundaries, in order.
    pub(crate) fn signals(&self) -> impl Iterator<Item = (u32, Signal)> {
        self.steps.iter().filter_map(|step| match step.what {
            Disturbance::Signal(signal) => Some((step.at, signal)),
            Disturbance::Delay => None,
        })
    }

    /// Returns the boundaries of the delays, in order.
    pub(crate) fn delays(&self) -> impl Iterator<Item = u32> {
        self.steps.iter().filter(|step| step.what == Disturbance::Delay).map(|step| step.at)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            Disturbance::Signal(signal) => write!(f, "{signal}@{}", self.at),
            Disturbance::Delay => write!(f, "{DELAY}@{}", self.at),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_undisturbed() {
            return f.write_str(UNDISTURBED);
        }
        let mut words: Vec<String> = self.steps.iter().map(Step::to_string).collect();
        words.extend((self.seed != 0).then(|| format!("{SEED}{}", self.seed)));
        f.write_str(&words.join(" "))
    }
}

impl FromStr for Plan {
    type Err = Error;

    /// # Errors
    ///
    /// If a word is none of `SIGTERM@17`, `delay@23` and `seed=4`, or the boundaries do not stand in their order.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut plan = Self::new();
        let mut seeded = false;
        for word in text.split_whitespace().filter(|word| *word != UNDISTURBED) {
            let wrong = |why: String| Error::plan(text, word, why);
            if let Some(seed) = word.strip_prefix(SEED) {
                if std::mem::replace(&mut seeded, true) {
                    return Err(wrong("a plan has one seed".to_owned()));
                }
                plan.seed = seed.parse().map_err(|_| wrong(format!("`{seed}` is not a whole number below 2^64")))?;
                continue;
            }
            let step = step(word).map_err(wrong)?;
            if let Some(before) = plan.steps.last().filter(|before| before.at > step.at) {
                return Err(Error::plan(text, word, format!("it stands behind `{before}`, which comes later")));
            }
            plan.steps.push(step);
        }
        Ok(plan)
    }
}

fn step(word: &str) -> Result<Step, String> {
    let (what, at) = word.split_once('@').ok_or("accepted: `SIGTERM@17`, `delay@23`, `seed=4`")?;
    let what = match what {
        DELAY => Disturbance::Delay,
        name => Disturbance::Signal(name.parse().map_err(|error: Error| error.to_string())?),
    };
    Ok(Step { at: boundary(at)?, what })
}

fn boundary(text: &str) -> Result<u32, String> {
    let number: i128 = text.parse().map_err(|_| format!("the boundary `{text}` is not a whole number"))?;
    match u32::try_from(number) {
        Ok(boundary) if boundary <= Plan::LAST => Ok(boundary),
        Err(_) if number < 0 => Err(format!("the boundary {number} is negative, and the first one is 0")),
        Ok(_) | Err(_) => Err(format!("the boundary {number} is out of range, and the last one is {}", Plan::LAST)),
    }
}

impl TryFrom<String> for Plan {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Plan> for String {
    fn from(plan: Plan) -> Self {
        plan.to_string()
    }
}
