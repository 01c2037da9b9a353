//! The script: what is copied from the base, and what is inserted between.
//!
//! Before compression a script is the length of the text, the text, and the instructions. Each
//! instruction is three numbers: bytes of text to insert, how far the next copy starts from the end
//! of the last one, and how many bytes it copies. The text comes first because zstd learns from
//! what it has seen, and text has more to teach than numbers.

use super::{
    PatchError,
    lines::{Index, common_end, common_start, hash, line_end},
};

/// A copy that starts less than this behind the end of the last one is near: a few lines went.
const NEAR: usize = 1024;
/// Fewest bytes that are worth a near copy: below, zstd tells them in fewer bytes.
const WORTH_NEAR: usize = 32;
/// How many places with the same line are looked at on each side.
const PLACES: usize = 16;

/// A part of the new archive that the base has too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Copy {
    /// Where it starts in the new archive.
    pub new: usize,
    /// Where it starts in the base.
    pub base: usize,
    /// How long it is.
    pub length: usize,
}

/// What of the new archive is copied: in order, and none touches another. `worth_far` is the fewest
/// bytes that are worth a copy from anywhere.
pub(super) fn copies(base: &[u8], new: &[u8], index: &Index, worth_far: usize) -> Vec<Copy> {
    let mut copies = Vec::new();
    // Where the next line is, and the ends of the last copy in both archives.
    let (mut at, mut done, mut expected) = (0, 0, 0);
    while at < new.len() {
        let end = line_end(new, at);
        // Where nothing was inserted, and where as much went as came; then wherever such a line is.
        let likely = [expected, expected + (at - done)];
        let places = likely.into_iter().chain(index.positions(hash(&new[at..end]), expected, PLACES));
        let found = places.filter(|&place| place < base.len()).map(|place| {
            let back = common_end(&base[..place], &new[done..at]);
            let length = common_start(&base[place..], &new[at..]) + back;
            let copy = Copy { new: at - back, base: place - back, length };
            let near = copy.base >= expected && copy.base - expected < NEAR;
            (copy, length.saturating_sub(if near { WORTH_NEAR } else { worth_far }))
        });
        // Of equals the first: the nearest.
        let best = found.reduce(|best, next| if next.1 > best.1 { next } else { best });
        match best {
            Some((copy, gain)) if gain > 0 && copy.new + copy.length > at => {
                copies.push(copy);
                (done, expected) = (copy.new + copy.length, copy.base + copy.length);
                // The copy may have ended within a line.
                let whole = done == new.len() || new[done - 1] == b'\n';
                at = if whole { done } else { line_end(new, done) };
            }
            _ => at = end,
        }
    }
    copies
}

/// The script of these copies.
pub(super) fn encode(copies: &[Copy], new: &[u8]) -> Vec<u8> {
    let (mut text, mut instructions) = (Vec::new(), Vec::new());
    let (mut done, mut expected) = (0, 0usize);
    for copy in copies {
        let insert = &new[done..copy.new];
        text.extend_from_slice(insert);
        put(&mut instructions, insert.len() as u64);
        put(&mut instructions, fold_sign(copy.base as i64 - expected as i64));
        put(&mut instructions, copy.length as u64);
        (done, expected) = (copy.new + copy.length, copy.base + copy.length);
    }
    if done < new.len() {
        text.extend_from_slice(&new[done..]);
        put(&mut instructions, (new.len() - done) as u64);
    }
    let mut script = Vec::with_capacity(text.len() + instructions.len() + 10);
    put(&mut script, text.len() as u64);
    script.append(&mut text);
    script.append(&mut instructions);
    script
}

/// A script that is being read.
#[derive(Debug)]
pub(super) struct Script {
    bytes: Vec<u8>,
    /// The text that is not inserted yet: a range of `bytes`.
    text: std::ops::Range<usize>,
    /// Where the next instruction is.
    at: usize,
    /// Where the last copy ended in the base.
    expected: i64,
}

/// One instruction: text, and a part of the base, of which one may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instruction {
    /// Where the text is, see [`Script::text`].
    pub insert: std::ops::Range<usize>,
    /// Where the copy starts in the base.
    pub base: u64,
    /// How many bytes it copies.
    pub copy: u64,
}

impl Script {
    pub fn new(bytes: Vec<u8>) -> Result<Self, PatchError> {
        let mut script = Self { bytes, text: 0..0, at: 0, expected: 0 };
        let length = script.take()?;
        let start = script.at;
        let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
        let end = end.filter(|end| *end <= script.bytes.len());
        let end = end.ok_or(PatchError::Damaged("its text is cut off"))?;
        (script.text, script.at) = (start..end, end);
        Ok(script)
    }

    /// The text of an instruction.
    pub fn text(&self, range: std::ops::Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    /// The next instruction; nothing at the end, where all text must have been used. Each one
    /// gives at least one byte.
    pub fn next(&mut self, base_length: u64) -> Result<Option<Instruction>, PatchError> {
        if self.at == self.bytes.len() {
            return if self.text.is_empty() {
                Ok(None)
            } else {
                Err(PatchError::Damaged("text is left over"))
            };
        }
        let insert = usize::try_from(self.take()?).ok().filter(|insert| *insert <= self.text.len());
        let insert = insert.ok_or(PatchError::Damaged("it inserts more text than there is"))?;
        let start = self.text.start;
        self.text.start += insert;
        let insert = start..start + insert;
        if self.at == self.bytes.len() && !insert.is_empty() {
            return Ok(Some(Instruction { insert, base: 0, copy: 0 }));
        }
        let (skip, copy) = (unfold_sign(self.take()?), self.take()?);
        if copy == 0 {
            return Err(PatchError::Damaged("it copies nothing"));
        }
        let base = self.expected.checked_add(skip).and_then(|base| u64::try_from(base).ok());
        let end = base.and_then(|base| base.checked_add(copy)).filter(|end| *end <= base_length);
        let (Some(base), Some(Ok(end))) = (base, end.map(i64::try_from)) else {
            return Err(PatchError::Damaged("it copies from outside the base"));
        };
        self.expected = end;
        Ok(Some(Instruction { insert, base, copy }))
    }

    /// The next number.
    fn take(&mut self) -> Result<u64, PatchError> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or(PatchError::Damaged("a number is cut off"))?;
            self.at += 1;
            let bits = u64::from(byte & 0x7F);
            // The tenth byte has room for one bit.
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(PatchError::Damaged("a number is too large"))
    }
}

/// Appends a number, seven bits a byte, the lowest first.
fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Small numbers of either sign become small numbers: 0, -1, 1, -2, 2 become 0, 1, 2, 3, 4.
const fn fold_sign(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

const fn unfold_sign(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip() {
        for number in [0, 1, 127, 128, 300, 1 << 35, u64::MAX] {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            let mut script = Script { bytes, text: 0..0, at: 0, expected: 0 };
            assert_eq!(script.take(), Ok(number));
        }
        for number in [0, 1, -1, 5000, i64::MAX, i64::MIN] {
            assert_eq!(unfold_sign(fold_sign(number)), number);
        }
        assert_eq!([0, -1, 1, -2].map(fold_sign), [0, 1, 2, 3]);
    }

    #[test]
    fn numbers_that_do_not_fit_or_end_are_errors() {
        let mut bytes = vec![0xFF; 9];
        bytes.push(2);
        for bytes in [bytes, vec![0xFF; 20], vec![0x80], vec![]] {
            let mut script = Script { bytes, text: 0..0, at: 0, expected: 0 };
            assert!(script.take().is_err());
        }
    }

    #[test]
    fn a_changed_line_costs_one_insertion_and_what_moved_is_copied() {
        let line = |n: usize| format!("this is line number {n} of the list\n");
        let all: Vec<String> = (0..100).map(line).collect();
        let base = all.concat();
        let mut changed = all.clone();
        changed[50] = "something else\n".to_owned();
        // Lines 10 to 29 go to the end.
        let moved: Vec<String> = changed.drain(10..30).collect();
        changed.extend(moved);
        let new = changed.concat();
        let found = copies(base.as_bytes(), new.as_bytes(), &Index::new(base.as_bytes()), 100);
        assert_eq!(found.len(), 4, "{found:?}");
        let inserted = new.len() - found.iter().map(|copy| copy.length).sum::<usize>();
        assert!(inserted <= "something else\n".len(), "{inserted}");
    }
}
