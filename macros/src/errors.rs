//! Several mistakes, told at once; and the name that was probably meant.

/// The mistakes found so far, in the order in which they were found.
#[derive(Default)]
pub(crate) struct Errors {
    /// `None` as long as all is well.
    all: Option<syn::Error>,
}

impl Errors {
    /// Adds a mistake.
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.all {
            Some(all) => all.combine(error),
            None => self.all = Some(error),
        }
    }

    /// Returns the value, or `None` after keeping its mistake.
    pub(crate) fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// Returns all mistakes as one error.
    pub(crate) fn finish(self) -> syn::Result<()> {
        self.all.map_or(Ok(()), Err)
    }
}

/// Returns both values, or the mistakes of both.
pub(crate) fn both<A, B>(one: syn::Result<A>, other: syn::Result<B>) -> syn::Result<(A, B)> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(mut error), Err(other)) => {
            error.combine(other);
            Err(error)
        }
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
    }
}

/// Says that nothing is called `name`, and what is.
pub(crate) fn unknown(what: &str, name: &str, names: &[&str]) -> String {
    let meant = nearest(name, names).map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
    format!("unknown {what} `{name}`{meant}\naccepted: {}", list(names))
}

/// Returns the names as `a`, `b`, `c`, in backticks.
pub(crate) fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Returns the name that is a slip of the keyboard away from `name`: about one wrong letter in three.
fn nearest<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    let near = |candidate: &&str| distance(name, candidate);
    names.iter().copied().min_by_key(near).filter(|best| near(best) <= 1 + name.len().min(best.len()) / 4)
}

/// Returns how many letters must be put in, taken out or changed to turn one word into the other (Levenshtein 1966).
fn distance(from: &str, to: &str) -> usize {
    let mut row = (0..=to.len()).collect::<Vec<_>>();
    for (above, wrong) in from.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], above + 1);
        for (column, right) in to.bytes().enumerate() {
            let changed = diagonal + usize::from(wrong != right);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &["deadline", "grace", "allow"];

    #[test]
    fn slips_are_recognised() {
        for (slip, name) in [("deadlin", "deadline"), ("dead_line", "deadline"), ("grcae", "grace"), ("alow", "allow")]
        {
            assert_eq!(nearest(slip, NAMES), Some(name), "{slip}");
        }
    }

    #[test]
    fn other_words_are_left_alone() {
        for word in ["timeout", "", "x", "name", "läuft"] {
            assert_eq!(nearest(word, NAMES), None, "{word}");
        }
    }

    #[test]
    fn distance_counts_letters() {
        for (from, to, letters) in
            [("", "abc", 3), ("abc", "", 3), ("abc", "abc", 0), ("abc", "axc", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(from, to), letters, "{from} {to}");
        }
    }
}
