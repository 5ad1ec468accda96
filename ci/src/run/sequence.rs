//! Signals with gaps between them, as text: `TERM 100ms TERM`.

use std::str::FromStr;
use std::time::Duration;

use lightsout::Signal;

/// One step of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Signal(Signal),
    Gap(Duration),
}

/// Signals with gaps between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sequence(pub(super) Vec<Step>);

impl Sequence {
    /// Returns its signals.
    pub(super) fn signals(&self) -> impl Iterator<Item = Signal> {
        self.0.iter().filter_map(|step| match step {
            Step::Signal(signal) => Some(*signal),
            Step::Gap(_) => None,
        })
    }
}

impl FromStr for Sequence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let steps = text.split([' ', ',']).filter(|word| !word.is_empty()).map(|word| match signal(word) {
            Some(signal) => Ok(Step::Signal(signal)),
            None => time(word)
                .map(Step::Gap)
                .map_err(|_| format!("`{word}` is neither a signal like `TERM` nor a time like `100ms`")),
        });
        let steps: Vec<_> = steps.collect::<Result<_, _>>()?;
        match steps.iter().any(|step| matches!(step, Step::Signal(_))) {
            true => Ok(Self(steps)),
            false => Err("there is no signal in it".to_owned()),
        }
    }
}

/// Reads a signal by its name, with or without the `SIG` before it.
fn signal(word: &str) -> Option<Signal> {
    Signal::ALL.into_iter().find(|signal| signal.name() == word || &signal.name()[3..] == word)
}

/// Reads a time like `100ms`, `2s`, `1m`.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => 0,
    };
    match number.parse::<u32>() {
        Ok(number) if millis > 0 => Ok(Duration::from_millis(u64::from(number) * millis)),
        _ => Err(format!("`{text}` is no time like `100ms`, `2s` or `1m`")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Sequence, Signal, Step, time};

    #[test]
    fn sequence_is_read() {
        let steps = [Step::Signal(Signal::Term), Step::Gap(Duration::from_millis(100)), Step::Signal(Signal::Int)];
        for text in ["TERM 100ms INT", "SIGTERM,100ms,SIGINT"] {
            assert_eq!(text.parse(), Ok(Sequence(steps.to_vec())), "{text}");
        }
        assert_eq!("100ms".parse::<Sequence>(), Err("there is no signal in it".to_owned()));
        assert!("KILL".parse::<Sequence>().expect_err("no such signal").starts_with("`KILL` is neither"));
    }

    #[test]
    fn times_have_units() {
        assert_eq!(time("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(time("1m"), Ok(Duration::from_secs(60)));
        for text in ["", "5", "s", "-1s", "1 s", "99999999999s"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
