//! The rules found so far, by return address.
//!
//! The first ones have places of their own, for good: a small program finds all of its own there, on a few pages. In the sets that come
//! then nearly each address would be the first on its page, and the system takes a microsecond or more to give one.
//!
//! An entry of a set is one word: above the rule, all bits of the address but those that chose the set. So a word that was
//! read says of itself which address it is for, entries are written without any order, and a lost one is found again
//! by reading the unwind data. A set has two ways: a newcomer takes the first, and what was there moves to the
//! second.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::super::memory;
use super::rule::{PC_SHIFT, RULE_BITS, Rule};

/// A place that is written once.
struct Place {
    /// 0 while it is free, and `TAKEN` until the rule is there.
    pc: AtomicUsize,
    rule: AtomicU32,
}

/// No code has this address.
const TAKEN: usize = 1;

/// Places that are read together.
#[repr(align(64))]
struct Line([Place; WAYS]);

const LINES: usize = 256;
const WAYS: usize = 4;

static FIRST: [Line; LINES] =
    [const { Line([const { Place { pc: AtomicUsize::new(0), rule: AtomicU32::new(0) } }; WAYS]) }; LINES];

/// Asks for the memory of the first places at once.
pub(super) fn prepare() {
    memory::fill_pages(FIRST.as_ptr().addr(), size_of_val(&FIRST));
}

#[inline]
fn line(pc: usize) -> &'static [Place; WAYS] {
    &FIRST[(pc >> PC_SHIFT) % LINES].0
}

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
    if pc <= TAKEN || !pc.is_multiple_of(1 << PC_SHIFT) {
        return Some(Rule::END);
    }
    let line = line(pc);
    if let Some(place) = line.iter().find(|place| place.pc.load(Ordering::Acquire) == pc) {
        return Some(Rule::from_bits(place.rule.load(Ordering::Relaxed)));
    }
    // Places are taken in order, and nothing goes to the sets before.
    if line[WAYS - 1].pc.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let tag = tag(pc);
    let word = set(pc).iter().map(|way| way.load(Ordering::Relaxed)).find(|word| word >> RULE_BITS == tag)?;
    Some(Rule::from_bits((word & ((1 << RULE_BITS) - 1)) as u32))
}

/// Keeps a rule for good: the code at this address must not be able to change.
pub(super) fn put(pc: usize, rule: Rule) {
    let take = |place: &&Place| place.pc.compare_exchange(0, TAKEN, Ordering::Relaxed, Ordering::Relaxed).is_ok();
    if let Some(place) = line(pc).iter().find(take) {
        place.rule.store(rule.bits(), Ordering::Relaxed);
        return place.pc.store(pc, Ordering::Release);
    }
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
    for place in FIRST.iter().flat_map(|line| &line.0) {
        place.pc.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses in a page that is never mapped, all in one set.
    fn address(number: usize) -> usize {
        (1 << (PC_BITS - 1)) + 8 + (number << (SET_BITS + PC_SHIFT))
    }

    fn rule(number: usize) -> Rule {
        Rule::from_bits(number as u32 + 1)
    }

    #[test]
    fn first_ones_stay_and_then_a_newcomer_replaces_the_older_of_two() {
        for number in 0..7 {
            put(address(number), rule(number));
        }
        for number in (0..4).chain(5..7) {
            assert_eq!(get(address(number)), Some(rule(number)), "{number}");
        }
        assert_eq!(get(address(4)), None);
        assert_eq!(get(address(6) + 4), None);
    }

    #[test]
    fn address_and_rule_fill_a_word_without_touching() {
        let last = (1 << PC_BITS) - 4;
        let rule = Rule::from_bits((1 << RULE_BITS) - 1);
        // The first ones have words of their own.
        for _ in 0..5 {
            put(last, rule);
        }
        assert_eq!(get(last), Some(rule));
        assert_eq!(set(last)[0].load(Ordering::Relaxed) & ((1 << RULE_BITS) - 1), u64::from(rule.bits()));
        assert_eq!(get(last + (1 << PC_BITS)), None);
    }

    #[test]
    fn null_ends_the_walk() {
        assert_eq!(get(0), Some(Rule::END));
    }
}
