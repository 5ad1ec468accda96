//! Durations as text: `500ms`.

/// Each unit with its nanoseconds.
const UNITS: [(&str, u64); 5] =
    [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000)];

/// What a duration looks like, for those who wrote something else.
pub(crate) const FORM: &str = "an integer and one of `ns`, `us`, `ms`, `s`, `m`, as in `\"500ms\"`";

/// Reads a duration, in nanoseconds.
pub(crate) fn nanos(text: &str) -> Result<u64, String> {
    let (count, unit) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    let Some((_, size)) = UNITS.into_iter().find(|(name, _)| *name == unit && !count.is_empty()) else {
        return Err(format!("`{text}` is not a duration\nwrite {FORM}"));
    };
    // Only a number out of range is left as an error, and is as much too long as one that multiplies out of range.
    let nanos = count.parse::<u64>().ok().and_then(|count| count.checked_mul(size));
    nanos.ok_or_else(|| format!("`{text}` is too long\nwrite less than 500 years"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        for (text, expected) in [
            ("7ns", 7),
            ("7us", 7_000),
            ("500ms", 500_000_000),
            ("5s", 5_000_000_000),
            ("2m", 120_000_000_000),
            ("0s", 0),
        ] {
            assert_eq!(nanos(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn every_unit_is_named_to_those_who_miss_it() {
        for (unit, _) in UNITS {
            assert!(FORM.contains(&format!("`{unit}`")), "{unit}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "5", "s", "5 s", " 5s", "5s ", "-5s", "+5s", "1.5s", "5h", "5S", "5sec", "1m30s", "5µs", "٥s"]
        {
            assert_eq!(
                nanos(text).unwrap_err().lines().next(),
                Some(&*format!("`{text}` is not a duration")),
                "{text}"
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for text in ["18446744073709551616ns", "18446744074s", "999999999999999999999m"] {
            assert_eq!(nanos(text).unwrap_err().lines().next(), Some(&*format!("`{text}` is too long")), "{text}");
        }
        assert_eq!(nanos("18446744073709551615ns"), Ok(u64::MAX));
    }
}
