//! Records of one algorithm, collected in parts that are sorted one after the other.
//!
//! A part holds the digests that start with the same ten bits. Sorting a part stays in the
//! processor's cache, which is what makes a million records cheap.

use super::lists::Place;

const PART_BITS: u32 = 10;

/// One line of a list. Records sort by digest, then size, then the order of the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Record {
    /// The digest's first sixteen bytes, as numbers that sort as the bytes do.
    pub digest: [u64; 2],
    pub size: u64,
    pub place: Place,
}

/// Records in the order in which they were read, parted by their first bits.
#[derive(Debug)]
pub(super) struct Partition {
    parts: Vec<Vec<Record>>,
    entries: u64,
}

impl Default for Partition {
    fn default() -> Self {
        Self { parts: vec![Vec::new(); 1 << PART_BITS], entries: 0 }
    }
}

impl Partition {
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    pub fn push(&mut self, record: Record) {
        self.parts[(record.digest[0] >> (64 - PART_BITS)) as usize].push(record);
        self.entries += 1;
    }

    /// Hands out every record in order and frees each part when it is done.
    pub fn drain_sorted<E>(self, mut each: impl FnMut(Record) -> Result<(), E>) -> Result<(), E> {
        for mut part in self.parts {
            part.sort_unstable();
            part.into_iter().try_for_each(&mut each)?;
        }
        Ok(())
    }
}
