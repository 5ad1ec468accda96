//! The rules found so far, by return address.
//!
//! An entry is one word: above the rule, all bits of the address but those that chose the set. So a word that was
//! read says of itself which address it is for, entries are written without any order, and a lost one is found again
//! by reading the unwind data. A set has two ways: a newcomer takes the first, and what was there moves to the
//! second.

use std::sync::atomic::{AtomicU64, Ordering};

use super::rule::{PC_SHIFT, RULE_BITS, Rule};

/// Sets are chosen by so many bits. 8192 sets of two words are 128 KiB, of which only touched pages are there; a
/// large test binary allocates with some thousand return addresses.
const SET_BITS: u32 = 13;

/// Of a code address, so many bits may be set: they fill what the rule leaves of a word.
pub(super) const PC_BITS: u32 = 64 - RULE_BITS + SET_BITS + PC_SHIFT;

type Set = [AtomicU64; 2];

/// A word of zero belongs to addresses that no code has, and ends their walk.
static SETS: [Set; 1 << SET_BITS] = [const { [const { AtomicU64::new(0) }; 2] }; 1 << SET_BITS];

#[inline]
fn set(pc: usize) -> &'static Set {
    &SETS[(pc >> PC_SHIFT) & ((1 << SET_BITS) - 1)]
}

#[inline]
fn tag(pc: usize) -> u64 {
    (pc >> (PC_SHIFT + SET_BITS)) as u64
}

#[inline]
pub(super) fn get(pc: usize) -> Option<Rule> {
    if !pc.is_multiple_of(1 << PC_SHIFT) {
        return Some(Rule::END);
    }
    let tag = tag(pc);
    let word = set(pc).iter().map(|way| way.load(Ordering::Relaxed)).find(|word| word >> RULE_BITS == tag)?;
    Some(Rule::from_bits((word & ((1 << RULE_BITS) - 1)) as u32))
}

/// Keeps a rule for good: the code at this address must not be able to change.
pub(super) fn put(pc: usize, rule: Rule) {
    let [first, second] = set(pc);
    second.store(first.load(Ordering::Relaxed), Ordering::Relaxed);
    first.store(tag(pc) << RULE_BITS | u64::from(rule.bits()), Ordering::Relaxed);
}

/// Forgets all rules.
#[cfg(test)]
pub(super) fn clear() {
    for way in SETS.iter().flatten() {
        way.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses in a page that is never mapped, all in one set.
    fn address(number: usize) -> usize {
        (1 << (PC_BITS - 1)) + 8 + (number << (SET_BITS + PC_SHIFT))
    }

    #[test]
    fn newcomer_replaces_the_older_of_two() {
        for number in 0..3 {
            put(address(number), Rule::from_bits(number as u32 + 1));
        }
        assert_eq!(get(address(0)), None);
        assert_eq!(get(address(1)), Some(Rule::from_bits(2)));
        assert_eq!(get(address(2)), Some(Rule::from_bits(3)));
        assert_eq!(get(address(2) + 4), None);
    }

    #[test]
    fn address_and_rule_fill_a_word_without_touching() {
        let last = (1 << PC_BITS) - 4;
        let rule = Rule::from_bits((1 << RULE_BITS) - 1);
        put(last, rule);
        assert_eq!(get(last), Some(rule));
        assert_eq!(get(last + (1 << PC_BITS)), None);
    }

    #[test]
    fn null_ends_the_walk() {
        assert_eq!(get(0), Some(Rule::END));
    }
}
