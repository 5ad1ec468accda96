//! Text that is put together in the record, without an allocator.

use super::memory;

pub(super) struct Text<'a> {
    room: &'a mut [u8],
    len: usize,
    /// The address up to which there are pages.
    backed: usize,
}

const PAGE: usize = 4096;

impl<'a> Text<'a> {
    /// What is before the room, on the same page, is there.
    pub(super) fn new(room: &'a mut [u8]) -> Self {
        let backed = room.as_ptr().addr().next_multiple_of(PAGE);
        Self { room, len: 0, backed }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Writes a line whole, or not at all.
    pub(super) fn line(&mut self, write: impl FnOnce(&mut Self) -> Option<&mut Self>) {
        let start = self.len;
        if write(self).and_then(|line| line.push(b"\n")).is_none() {
            self.len = start;
        }
    }

    pub(super) fn hex(&mut self, bytes: &[u8]) -> Option<&mut Self> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for byte in bytes {
            self.push(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])?;
        }
        Some(self)
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Option<&mut Self> {
        let end = self.len + bytes.len();
        let place = self.room.get_mut(self.len..end)?;
        let last = place.as_ptr().addr() + bytes.len();
        if last > self.backed {
            memory::fill_pages(self.backed, last - self.backed).then_some(())?;
            self.backed = last.next_multiple_of(PAGE);
        }
        place.copy_from_slice(bytes);
        self.len = end;
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        let mut room = [b'-'; 24];
        let mut text = Text::new(&mut room);
        for address in [0x12_usize, 0x34] {
            text.line(|line| line.hex(&address.to_be_bytes())?.push(b" ")?.hex(&[1, 2]));
        }
        assert_eq!(text.len, 22);
        assert_eq!(room[..22], *b"0000000000000012 0102\n");
    }
}
