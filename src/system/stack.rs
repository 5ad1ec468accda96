//! The part of the stack that nobody uses.

use crate::recorder;

/// How much of it may have been used by earlier calls, as far as it matters, in bytes.
const BELOW: usize = 64 << 10;

/// Clears what earlier calls have left below, where the wait graph is asked for: values with gaps that are built there and kept, as a
/// task's future is, would carry it on, and what lay in the gaps would look like pointers that somebody has.
#[inline(never)]
pub(crate) fn clear_below() {
    if !recorder::is_whole() {
        return;
    }
    let mut below = [0_u8; BELOW];
    std::hint::black_box(&mut below);
}
