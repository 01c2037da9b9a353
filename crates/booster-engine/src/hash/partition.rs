//! Records of one algorithm, collected in parts that are sorted one after the other.
//!
//! A part holds the digests that start with the same ten bits. Sorting a part stays in the
//! processor's cache, which is what makes a million records cheap.

use super::{
    Algorithm,
    format::{leading_u64, record_length, u32_at, u64_at},
};

const PART_BITS: u32 = 10;

/// Records in the order in which they were read, parted by their first bits.
#[derive(Debug)]
pub(super) struct Partition {
    algorithm: Algorithm,
    parts: Vec<Vec<u8>>,
    entries: u64,
}

impl Partition {
    pub fn new(algorithm: Algorithm) -> Self {
        Self { algorithm, parts: vec![Vec::new(); 1 << PART_BITS], entries: 0 }
    }

    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Adds a record as it will stand in the table.
    pub fn push(&mut self, digest: &[u8], size: u64, name: u32, file: u32) {
        let part = &mut self.parts[(leading_u64(digest) >> (64 - PART_BITS)) as usize];
        let length = self.algorithm.digest_length();
        let mut record = [0; 48];
        record[..length].copy_from_slice(&digest[..length]);
        record[length..length + 8].copy_from_slice(&size.to_le_bytes());
        record[length + 8..length + 12].copy_from_slice(&name.to_le_bytes());
        record[length + 12..length + 16].copy_from_slice(&file.to_le_bytes());
        part.extend_from_slice(&record[..record_length(self.algorithm)]);
        self.entries += 1;
    }

    /// Hands out every record in order and frees each part when it is done.
    ///
    /// Records of the same digest and size, for which `same` holds of their file numbers, come once; the
    /// number of those left out is returned.
    pub fn drain_sorted<E>(
        self,
        same: impl Fn(u32, u32) -> bool,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<u64, E> {
        let length = record_length(self.algorithm);
        let digest_length = self.algorithm.digest_length();
        let mut order: Vec<(u64, u32)> = Vec::new();
        let mut duplicates = 0;
        for part in self.parts {
            let record = |index: u32| &part[index as usize * length..][..length];
            order.clear();
            order.extend(
                part.chunks_exact(length).zip(0..).map(|(record, index)| (leading_u64(record), index)),
            );
            order.sort_unstable_by(|a, b| {
                a.0.cmp(&b.0).then_with(|| {
                    let (a, b) = ((record(a.1), a.1), (record(b.1), b.1));
                    let key = |r: &[u8]| u64_at(r, digest_length);
                    a.0[..digest_length]
                        .cmp(&b.0[..digest_length])
                        .then_with(|| key(a.0).cmp(&key(b.0)))
                        .then_with(|| a.1.cmp(&b.1))
                })
            });
            // Within one digest and size there are at most two kinds of file: malware and known good.
            let mut kept: Vec<u32> = Vec::new();
            let mut previous: &[u8] = &[];
            for (_, index) in &order {
                let record = record(*index);
                let file = u32_at(record, digest_length + 12).unwrap_or_default();
                if previous != &record[..digest_length + 8] {
                    previous = &record[..digest_length + 8];
                    kept.clear();
                } else if kept.iter().any(|other| same(*other, file)) {
                    duplicates += 1;
                    continue;
                }
                kept.push(file);
                each(record)?;
            }
        }
        Ok(duplicates)
    }
}
