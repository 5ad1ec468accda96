//! The stacks that a thread has met lately, each with the words of it that a walk depends on.
//!
//! A walk is a function of the three registers that it starts from and of the words that it reads: return addresses, and saved frame
//! pointers that some frame is then found by. Where all of them are what they were, so is the result. To see that costs a comparison
//! a word, and none of them waits for the one before, as the steps of a walk do.
//!
//! Remembered are only walks that depend on nothing else: on the thread's own stack, whose part above the stack pointer stays
//! readable, and through code whose rules are kept for good.
#![expect(unsafe_code, reason = "words of the stack are read again")]

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering, compiler_fence};

/// How many places a thread has for stacks, and how many each is for. A run of a search makes about ten allocations, over and over.
const SETS: usize = 4;
const WAYS: usize = 4;
/// On aarch64 most frames are found by the frame pointer, on x86-64 few. What depends on more words is not remembered.
const WORDS: usize = if cfg!(target_arch = "aarch64") { 80 } else { 48 };
/// No stack pointer.
const NOWHERE: usize = 0;

/// The registers that a walk starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) sp: usize,
    pub(super) fp: usize,
    pub(super) pc: usize,
}

/// One walk.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where it started; `NOWHERE` while it is written, and before the first.
    sp: Cell<usize>,
    pc: Cell<usize>,
    fp: Cell<usize>,
    /// Whether a frame was found by the frame pointer that it started with.
    needs_fp: Cell<bool>,
    number: Cell<u32>,
    len: Cell<usize>,
    /// Where the words are, in words above `sp`.
    offsets: [Cell<u16>; WORDS],
    words: [Cell<usize>; WORDS],
}

impl Entry {
    pub(super) const fn new() -> Self {
        Self {
            sp: Cell::new(NOWHERE),
            pc: Cell::new(0),
            fp: Cell::new(0),
            needs_fp: Cell::new(false),
            number: Cell::new(0),
            len: Cell::new(0),
            offsets: [const { Cell::new(0) }; WORDS],
            words: [const { Cell::new(0) }; WORDS],
        }
    }

    #[inline]
    fn is_from(&self, start: Start) -> bool {
        self.sp.get() == start.sp
            && self.pc.get() == start.pc
            && (!self.needs_fp.get() || self.fp.get() == start.fp)
            && self.has_its_words()
    }

    #[inline]
    fn has_its_words(&self) -> bool {
        let pairs = self.offsets.iter().zip(&self.words).take(self.len.get());
        pairs.into_iter().all(|(offset, word)| {
            let at = self.sp.get() + offset.get() as usize * size_of::<usize>();
            // SAFETY: aligned, and above the stack pointer in this thread's own stack, which stays readable.
            unsafe { (at as *const usize).read() == word.get() }
        })
    }
}

struct Memo {
    /// Whether somebody reads or writes the entries: then this is a signal handler that came in between.
    busy: AtomicBool,
    sets: [Set; SETS],
}

/// The stacks of one place.
struct Set {
    entries: [Entry; WAYS],
    /// Which of them gives way to the next.
    oldest: Cell<usize>,
}

impl Set {
    const fn new() -> Self {
        Self { entries: [const { Entry::new() }; WAYS], oldest: Cell::new(0) }
    }

    #[inline]
    fn find(&self, start: Start) -> Option<u32> {
        self.entries.iter().find(|entry| entry.is_from(start)).map(|entry| entry.number.get())
    }

    /// Returns the one to write over.
    fn next(&self) -> &Entry {
        let at = self.oldest.get();
        self.oldest.set((at + 1) % WAYS);
        &self.entries[at]
    }
}

thread_local! {
    /// Has no destructor, and its initial value is constant: it needs no allocation and lives as long as the thread.
    static MEMO: Memo = const { Memo { busy: AtomicBool::new(false), sets: [const { Set::new() }; SETS] } };
}

/// Returns the number of the stack that begins here: a remembered one, or what `walk` finds, for which it takes notes.
#[inline]
pub(super) fn number(start: Start, hint: usize, walk: impl FnOnce(&mut Notes) -> u32) -> u32 {
    MEMO.with(|memo| {
        if memo.busy.load(Ordering::Relaxed) {
            return walk(&mut Notes::on(&Entry::new(), start.sp));
        }
        memo.busy.store(true, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        let set = &memo.sets[place(start.sp, hint)];
        let number = set.find(start).unwrap_or_else(|| walk_anew(set, start, walk));
        compiler_fence(Ordering::SeqCst);
        memo.busy.store(false, Ordering::Relaxed);
        number
    })
}

/// Forgets all stacks of the calling thread.
pub(super) fn forget() {
    MEMO.with(|memo| memo.sets.iter().flat_map(|set| &set.entries).for_each(|entry| entry.sp.set(NOWHERE)));
}

#[inline]
fn place(sp: usize, hint: usize) -> usize {
    let mixed = ((sp as u64) >> 4 ^ (hint as u64) << 20).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as usize % SETS
}

#[cold]
#[inline(never)]
fn walk_anew(set: &Set, start: Start, walk: impl FnOnce(&mut Notes) -> u32) -> u32 {
    let entry = set.next();
    entry.sp.set(NOWHERE);
    let mut notes = Notes::on(entry, start.sp);
    let number = walk(&mut notes);
    if notes.is_lasting && notes.len <= WORDS && number != 0 {
        entry.pc.set(start.pc);
        entry.fp.set(start.fp);
        entry.needs_fp.set(notes.needs_fp);
        entry.number.set(number);
        entry.len.set(notes.len);
        entry.sp.set(start.sp);
    }
    number
}

/// Where the frame pointer of a frame is from.
#[derive(Clone, Copy, Debug)]
enum Fp {
    /// From the registers that the walk started with.
    Start,
    /// From this word of the stack, of this value.
    Word(usize, usize),
    /// From a word that is noted already.
    Noted,
}

/// What a walk depends on, written down as it goes.
#[derive(Debug)]
pub(super) struct Notes<'a> {
    entry: &'a Entry,
    sp: usize,
    /// How many words there are; those beyond `WORDS` are not written down.
    len: usize,
    fp: Fp,
    needs_fp: bool,
    /// Whether it depends on nothing but registers and words.
    is_lasting: bool,
}

impl<'a> Notes<'a> {
    pub(super) const fn on(entry: &'a Entry, sp: usize) -> Self {
        Self { entry, sp, len: 0, fp: Fp::Start, needs_fp: false, is_lasting: true }
    }

    /// Says that the walk depends on something that may change.
    pub(super) fn give_up(&mut self) {
        self.is_lasting = false;
    }

    /// Says that this word decides how the walk goes on.
    #[inline]
    pub(super) fn word(&mut self, at: usize, word: usize) {
        let Ok(offset) = u16::try_from((at - self.sp) / size_of::<usize>()) else { return self.give_up() };
        if self.len < WORDS {
            self.entry.offsets[self.len].set(offset);
            self.entry.words[self.len].set(word);
        }
        self.len += 1;
    }

    /// Says that the frame pointer is now this word, which matters if a frame is found by it.
    #[inline]
    pub(super) fn fp_from(&mut self, at: usize, word: usize) {
        self.fp = Fp::Word(at, word);
    }

    /// Says that a frame is found by the frame pointer.
    #[inline]
    pub(super) fn by_fp(&mut self) {
        match self.fp {
            Fp::Start => self.needs_fp = true,
            Fp::Word(at, word) => self.word(at, word),
            Fp::Noted => {}
        }
        self.fp = Fp::Noted;
    }
}
