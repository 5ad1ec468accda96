//! A stated order of endings: `listener < connections < database`.

use std::collections::BTreeSet;

use crate::error::Error;

/// What a check is told about the order in which things end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    /// The rules as they were written; `a < b, c < b` is two chains.
    rules: Vec<String>,
    /// The names that there are; empty where nobody has said.
    components: Vec<String>,
}

impl Order {
    /// Returns whether no order is stated.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    pub(crate) fn rule(&mut self, rule: String) {
        self.rules.push(rule);
    }

    pub(crate) fn component(&mut self, name: String) {
        self.components.push(name);
    }

    /// Returns the rules as one text.
    pub(crate) fn text(&self) -> String {
        self.rules.join(", ")
    }

    /// Looks for mistakes in the rules.
    ///
    /// # Errors
    ///
    /// If a rule is malformed, names what is not there, or says that something ends before itself.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for rule in &self.rules {
            for chain in rule.split(',') {
                self.check_chain(rule, &names(chain))?;
            }
        }
        let known = self.names();
        let all = known.iter().copied().collect();
        match known.iter().find(|name| self.is_before(name, name, &all)) {
            Some(name) => Err(Error::order(&self.text(), format!("`{name}` would have to end before itself"))),
            None => Ok(()),
        }
    }

    fn check_chain(&self, rule: &str, chain: &[&str]) -> Result<(), Error> {
        if chain.len() < 2 || chain.contains(&"") {
            return Err(Error::order(rule, "between two `<` or commas a name is missing".to_owned()));
        }
        let is_known = |name: &&str| self.components.is_empty() || self.components.iter().any(|known| known == name);
        match chain.iter().find(|name| !is_known(name)) {
            Some(name) => {
                let known = self.components.join("`, `");
                Err(Error::order(rule, format!("`{name}` is none of the components, which are `{known}`")))
            }
            None => Ok(()),
        }
    }

    /// Returns the names that stand in the rules, each once, in alphabetical order.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.chains().flatten().collect()
    }

    /// Returns which of these names ends before which, without what follows from the rest.
    pub(crate) fn pairs<'a>(&'a self, present: &BTreeSet<&'a str>) -> Vec<(&'a str, &'a str)> {
        let every = present.iter().flat_map(|one| present.iter().map(move |other| (*one, *other)));
        let all = self.names();
        let is_before = |one: &str, other: &str| self.is_before(one, other, &all);
        let follows =
            |one: &str, other: &str| present.iter().any(|between| is_before(one, between) && is_before(between, other));
        every.filter(|(one, other)| is_before(one, other) && !follows(one, other)).collect()
    }

    /// Returns whether one must end before the other, directly or over these names.
    fn is_before(&self, one: &str, other: &str, over: &BTreeSet<&str>) -> bool {
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        let mut next: Vec<&str> = vec![one];
        while let Some(name) = next.pop() {
            let later = self.chains().flat_map(|chain| chain.windows(2).map(<[_]>::to_vec).collect::<Vec<_>>());
            for pair in later.filter(|pair| pair[0] == name && over.contains(pair[1])) {
                if reached.insert(pair[1]) {
                    next.push(pair[1]);
                }
            }
        }
        reached.contains(other)
    }

    fn chains(&self) -> impl Iterator<Item = Vec<&str>> {
        self.rules.iter().flat_map(|rule| rule.split(',').map(names))
    }
}

fn names(chain: &str) -> Vec<&str> {
    chain.split('<').map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(rules: &[&str], components: &[&str]) -> Order {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Order { rules: own(rules), components: own(components) }
    }

    #[track_caller]
    fn refused(rules: &[&str], components: &[&str], cause: &str) {
        let said = order(rules, components).check().expect_err("it has a mistake").to_string();
        assert!(said.contains(cause), "{said}");
    }

    #[test]
    fn mistakes_are_told() {
        refused(&["listener"], &[], "a name is missing");
        refused(&["listener < "], &[], "a name is missing");
        refused(&["a < b, "], &[], "a name is missing");
        refused(&["a < a"], &[], "`a` would have to end before itself");
        refused(&["a < b < c", "c < a"], &[], "`a` would have to end before itself");
        refused(&["listner < pool"], &["listener", "pool"], "`listner` is none of the components");
        assert!(order(&["a < b < d, a < c < d"], &["a", "b", "c", "d"]).check().is_ok());
    }

    #[test]
    fn what_follows_from_others_is_no_pair_of_its_own() {
        let order = order(&["a < b < c", "x < c"], &[]);
        assert_eq!(order.pairs(&order.names()), [("a", "b"), ("b", "c"), ("x", "c")]);
        assert_eq!(order.pairs(&["a", "c"].into()), [("a", "c")]);
    }
}
