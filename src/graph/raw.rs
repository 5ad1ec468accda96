//! What no safe function offers: a call of the system's, and words seen as bytes.
#![expect(unsafe_code, reason = "it makes a system call, and lets the system fill in words")]

use crate::system::threads::Tid;

/// Returns an address where a thread is at home, also while it runs: the C library keeps its list of robust locks among its
/// thread-locals, which are at the top of its stack, and the system says where that list is. `None` where it does not.
pub(super) fn home_of(tid: Tid) -> Option<usize> {
    let (mut head, mut len) = (0_usize, 0_usize);
    // SAFETY: the call writes two words, to places that are ours.
    let failed = unsafe { libc::syscall(libc::SYS_get_robust_list, tid, &raw mut head, &raw mut len) };
    (failed == 0 && head != 0).then_some(head)
}

/// Returns words as the bytes that they are.
pub(super) fn bytes(words: &mut [usize]) -> &mut [u8] {
    // SAFETY: any bytes are words, words have no padding, and the slice is borrowed for as long as its bytes.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), size_of_val(words)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_their_bytes() {
        let mut words = [0_usize; 2];
        bytes(&mut words).copy_from_slice(&[[7; 8], [9; 8]].concat());
        assert_eq!(words, [0x0707_0707_0707_0707, 0x0909_0909_0909_0909]);
    }

    #[test]
    fn running_thread_has_a_home() {
        let own = crate::system::threads::own_tid().expect("Linux numbers its threads");
        assert!(home_of(own).is_some());
    }
}
