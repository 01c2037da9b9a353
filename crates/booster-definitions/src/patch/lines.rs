//! Archives as lines, and where the lines of the base are.

/// A line that is still going on after this many bytes is cut by its content, so that binary files
/// and files that are one line find their parts again as well.
const LONG: usize = 128;
/// No piece is longer.
const LONGEST: usize = 4096;
/// Most lines of the base that are remembered, eight bytes each. Of more lines a share is left out
/// by their hash: what lies between two remembered ones is found by comparing on both sides.
const MOST_LINES: usize = 4 << 20;

/// An odd number without pattern: 2^64 divided by the golden ratio.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// Where the line that starts at `start` ends.
pub(super) fn line_end(bytes: &[u8], start: usize) -> usize {
    let rest = &bytes[start..];
    let head = &rest[..rest.len().min(LONG)];
    if let Some(newline) = memchr::memchr(b'\n', head) {
        return start + newline + 1;
    }
    let most = rest.len().min(LONGEST);
    let end = (head.len()..most).find(|&at| rest[at] == b'\n' || is_cut(&rest[at - 3..=at]));
    start + end.map_or(most, |at| at + 1)
}

/// Whether a long line is cut behind these four bytes: about one in 64 times.
fn is_cut(bytes: &[u8]) -> bool {
    let word = bytes.iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte));
    word.wrapping_mul(0x9E37_79B1) >> 26 == 0
}

/// A line's hash. It only has to be quick and even: matches are compared byte by byte.
pub(super) fn hash(line: &[u8]) -> u32 {
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(MULTIPLIER);
    let (words, rest) = line.as_chunks::<8>();
    let hash = words.iter().fold(line.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let hash = rest.iter().fold(hash, |hash, &byte| mix(hash, u64::from(byte)));
    ((hash ^ hash >> 29).wrapping_mul(MULTIPLIER) >> 32) as u32
}

/// The lines of a base by their hashes.
#[derive(Debug)]
pub(super) struct Index {
    /// Hash in the upper half, position in the lower, in order.
    entries: Vec<u64>,
    /// A line is remembered if its hash has none of these bits.
    left_out: u32,
}

impl Index {
    /// Reads the base once. Its length fits into 32 bits.
    pub fn new(base: &[u8]) -> Self {
        Self::with_room(base, MOST_LINES)
    }

    fn with_room(base: &[u8], most: usize) -> Self {
        let (mut entries, mut left_out) = (Vec::new(), 0u32);
        let mut at = 0;
        while at < base.len() {
            let end = line_end(base, at);
            let hash = hash(&base[at..end]);
            if hash & left_out == 0 {
                entries.push(u64::from(hash) << 32 | at as u64);
                // One line repeated fills the room whatever is left out: then the last ones are
                // forgotten.
                while entries.len() > most && left_out != u32::MAX {
                    left_out = left_out << 1 | 1;
                    entries.retain(|entry| (entry >> 32) as u32 & left_out == 0);
                }
                entries.truncate(most);
            }
            at = end;
        }
        entries.sort_unstable();
        Self { entries, left_out }
    }

    /// Positions of lines with this hash, at most `most` on each side of `near`, nearest first.
    pub fn positions(&self, hash: u32, near: usize, most: usize) -> impl Iterator<Item = usize> + '_ {
        let key = u64::from(hash) << 32 | near as u64;
        let middle =
            if hash & self.left_out == 0 { self.entries.partition_point(|entry| *entry < key) } else { 0 };
        let same = move |entry: &&u64| (**entry >> 32) as u32 == hash;
        let (before, behind) = self.entries.split_at(middle);
        let behind = behind.iter().take_while(same).take(most);
        let before = before.iter().rev().take_while(same).take(most);
        behind.chain(before).map(|entry| (*entry & u64::from(u32::MAX)) as usize)
    }
}

/// How many bytes are the same from the start on.
pub(super) fn common_start(one: &[u8], other: &[u8]) -> usize {
    let length = one.len().min(other.len());
    let ((one, one_rest), (other, other_rest)) =
        (one[..length].as_chunks::<8>(), other[..length].as_chunks::<8>());
    match one.iter().zip(other).position(|(one, other)| one != other) {
        Some(at) => at * 8 + same(one[at].iter(), other[at].iter()),
        None => one.len() * 8 + same(one_rest.iter(), other_rest.iter()),
    }
}

/// How many bytes are the same from the end back.
pub(super) fn common_end(one: &[u8], other: &[u8]) -> usize {
    same(one.iter().rev(), other.iter().rev())
}

fn same<'a>(one: impl Iterator<Item = &'a u8>, other: impl Iterator<Item = &'a u8>) -> usize {
    one.zip(other).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_behind_their_newline_and_long_ones_are_cut_by_their_content() {
        assert_eq!(line_end(b"ab\ncd", 0), 3);
        assert_eq!(line_end(b"ab\ncd", 3), 5);
        assert_eq!(line_end(&[b'x'; 10_000], 0), LONGEST);
        let noise: Vec<u8> =
            (0..9000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80).collect();
        let cuts = |bytes: &[u8]| {
            std::iter::successors(Some(0), |&at| (at < bytes.len()).then(|| line_end(bytes, at)))
                .collect::<Vec<_>>()
        };
        let plain = cuts(&noise);
        let moved = cuts(&[&[0x80; 37][..], &noise].concat());
        let again = moved.iter().filter(|at| plain.contains(&at.wrapping_sub(37))).count();
        assert!(again > plain.len() / 2, "{again} of {} cuts are found again", plain.len());
    }

    #[test]
    fn lines_are_found_nearest_first_on_both_sides() {
        let base = b"one\ntwo\none\ntwo\none\n";
        let found: Vec<_> = Index::new(base).positions(hash(b"one\n"), 8, 2).collect();
        assert_eq!(found, [8, 16, 0]);
        assert_eq!(Index::new(base).positions(hash(b"three\n"), 0, 2).count(), 0);
    }

    #[test]
    fn an_index_stays_within_its_room_and_knows_what_it_left_out() {
        let base: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        let index = Index::with_room(base.as_bytes(), 100);
        assert!(index.entries.len() <= 100 && index.entries.len() > 20, "{}", index.entries.len());
        let known = (0..1000)
            .filter(|n| index.positions(hash(format!("line {n}\n").as_bytes()), 0, 1).next().is_some());
        assert_eq!(known.count(), index.entries.len());
        assert!(Index::with_room(&[b'\n'; 1000], 100).entries.len() <= 100);
    }

    #[test]
    fn common_bytes_are_counted_from_either_end() {
        for length in 0..40 {
            let mut other = [7u8; 40];
            other[length] = 8;
            assert_eq!(common_start(&[7; 40], &other), length);
            assert_eq!(common_end(&[7; 40], &other), 39 - length);
            assert_eq!(common_start(&[7; 40], &[7; 40][..length]), length);
        }
    }
}
