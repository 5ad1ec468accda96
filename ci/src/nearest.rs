//! The name that somebody most likely meant.

/// Below this, two names have nothing to do with each other.
const ALIKE: f64 = 0.7;

/// Returns the name that is most like another one; `None` where none is.
pub(crate) fn of<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let ranked = names.into_iter().map(|it| (strsim::jaro(name, it), it)).filter(|(likeness, _)| *likeness > ALIKE);
    ranked.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    #[test]
    fn nearest_name_is_found() {
        let names = ["baseline", "runner", "report-dir"];
        for (name, nearest) in [("base-line", Some("baseline")), ("runer", Some("runner")), ("zzz", None)] {
            assert_eq!(super::of(name, names), nearest, "{name}");
        }
    }
}
