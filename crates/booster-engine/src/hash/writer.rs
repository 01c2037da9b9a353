//! Writes an index: lists in, one sorted file out.
//!
//! Lists are read once, in pieces. Records are collected in parts, sorted and written. Memory is the
//! records alone: 32 bytes for each hash.

use super::{
    Algorithm, HashFile, HashListError, HashListFault, ListFormat,
    format::{HEADER_LENGTH, Header, Section, Table, filter_bit},
    lists::{Lists, Place},
    parse::{ANY_SIZE, Line, MAX_LINE, parse_line},
    partition::{Partition, Record},
};
use std::{
    collections::HashSet,
    fs::File,
    io::{self, BufWriter, Read, Seek as _, Write},
    path::Path,
};

/// Wrong lines that are kept for the report; all are counted.
const KEPT_ERRORS: usize = 100;
/// How much of a list is read at once.
const CHUNK: usize = 256 << 10;

/// What an index holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IndexStatistics {
    /// Records in all tables.
    pub entries: u64,
    /// Lines that said what another line had said, with the same size.
    pub duplicates: u64,
}

/// Why an index was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Lines that are not of the format.
    #[error("{total} lines of the hash lists are wrong")]
    Lines {
        /// The first of them.
        errors: Vec<HashListError>,
        /// How many there are.
        total: u64,
    },
    /// More than the format can hold.
    #[error("more {0} than an index can hold: 16 million lists of 1 TiB, 4 billion hashes")]
    TooMuch(&'static str),
    /// A list cannot be read.
    #[error("cannot read the list: {0}")]
    Read(#[source] io::Error),
    /// The index cannot be written.
    #[error("cannot write the index: {0}")]
    Write(#[source] io::Error),
}

/// Collects lists and writes the index file.
#[derive(Debug)]
pub struct IndexWriter {
    out: BufWriter<File>,
    position: u64,
    lists: Lists,
    partitions: [Partition; 3],
    errors: Vec<HashListError>,
    errors_total: u64,
}

impl IndexWriter {
    /// Starts an index file; what the path held is replaced.
    pub fn create(path: &Path) -> Result<Self, WriteError> {
        let mut out = BufWriter::with_capacity(CHUNK, File::create(path).map_err(WriteError::Write)?);
        out.write_all(&[0; HEADER_LENGTH]).map_err(WriteError::Write)?;
        Ok(Self {
            out,
            position: HEADER_LENGTH as u64,
            lists: Lists::default(),
            partitions: Default::default(),
            errors: Vec::new(),
            errors_total: 0,
        })
    }

    /// Adds a list and returns how many hashes it holds.
    ///
    /// Wrong lines do not stop the reading: [`IndexWriter::finish`] returns them all.
    pub fn add(&mut self, file: HashFile, on_disk: &Path) -> Result<u64, WriteError> {
        let number = self.lists.iter().count();
        if number >= Place::MOST_LISTS {
            return Err(WriteError::TooMuch("lists"));
        }
        let (component, path) = (file.component, file.path.clone());
        let format = ListFormat::of(&path);
        self.lists.add(file, on_disk).map_err(WriteError::Read)?;
        let mut list = File::open(on_disk).map_err(WriteError::Read)?;
        let mut hashes = 0;
        for_each_line(&mut list, |line, offset, text| {
            match text.ok_or(HashListFault::TooLong).and_then(|text| parse_line(text, format)) {
                Ok(None) => {}
                Ok(Some(_)) if offset >= Place::MOST_BYTES => {
                    return Err(WriteError::TooMuch("bytes in a list"));
                }
                Ok(Some(entry)) => {
                    let record = record(&entry, Place::new(number as u32, offset));
                    self.partitions[entry.algorithm as usize].push(record);
                    hashes += 1;
                }
                Err(fault) => {
                    self.errors_total += 1;
                    if self.errors.len() < KEPT_ERRORS {
                        self.errors.push(HashListError { component, file: path.clone(), line, fault });
                    }
                }
            }
            Ok(())
        })?;
        Ok(hashes)
    }

    /// Sorts and writes the tables, and the header last.
    pub fn finish(mut self) -> Result<IndexStatistics, WriteError> {
        if self.errors_total > 0 {
            return Err(WriteError::Lines { errors: self.errors, total: self.errors_total });
        }
        let mut statistics = IndexStatistics::default();
        let mut tables = [Table::default(); 3];
        let partitions = std::mem::take(&mut self.partitions);
        for (algorithm, partition) in Algorithm::ALL.into_iter().zip(partitions) {
            let (table, duplicates) = self.write_table(algorithm, partition)?;
            statistics.entries += table.entries;
            statistics.duplicates += duplicates;
            tables[algorithm as usize] = table;
        }
        let bytes = encode_files(&self.lists)?;
        let files = Section { offset: self.position, length: bytes.len() as u64 };
        self.write(&bytes)?;
        let header = Header { length: self.position, files, tables };
        self.out.rewind().map_err(WriteError::Write)?;
        self.out.write_all(&header.encode()).map_err(WriteError::Write)?;
        self.out.flush().map_err(WriteError::Write)?;
        Ok(statistics)
    }

    fn write_table(
        &mut self,
        algorithm: Algorithm,
        partition: Partition,
    ) -> Result<(Table, u64), WriteError> {
        let total = partition.entries();
        if total == 0 {
            return Ok((Table::default(), 0));
        }
        if total > u64::from(u32::MAX) {
            return Err(WriteError::TooMuch("hashes"));
        }
        // Four records a prefix keep the list of starts small and a lookup within two cache lines.
        let prefix_bits = total.ilog2().saturating_sub(2).min(26);
        // Sixteen bits a size let through one unknown size in sixteen.
        let filter_bits = (total.next_power_of_two().ilog2() + 4).clamp(6, 32);
        let mut table = Table { records: self.position, prefix_bits, filter_bits, ..Table::default() };
        let mut starts: Vec<u32> = Vec::with_capacity((1 << prefix_bits) + 1);
        let mut filter = vec![0u64; 1 << (filter_bits - 6)];
        let mut duplicates = Duplicates::new(algorithm);
        partition.drain_sorted(|record| {
            if duplicates.repeats(&self.lists, record) {
                return Ok(());
            }
            // A shift by all 64 bits is none.
            let prefix = record.digest[0].checked_shr(64 - prefix_bits).unwrap_or(0) as usize;
            starts.resize((prefix + 1).max(starts.len()), table.entries as u32);
            if record.size == ANY_SIZE {
                table.any_size += 1;
            } else {
                let bit = filter_bit(record.size, filter_bits);
                filter[(bit >> 6) as usize] |= 1 << (bit & 63);
            }
            table.entries += 1;
            self.position += 24;
            let [high, low] = record.digest.map(u64::to_be_bytes);
            for part in [high, low, record.place.0.to_le_bytes()] {
                self.out.write_all(&part).map_err(WriteError::Write)?;
            }
            Ok(())
        })?;
        starts.resize((1 << prefix_bits) + 1, table.entries as u32);
        table.starts = self.position;
        for start in starts {
            self.write(&start.to_le_bytes())?;
        }
        table.filter = self.position;
        for word in filter {
            self.write(&word.to_le_bytes())?;
        }
        Ok((table, duplicates.count))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.position += bytes.len() as u64;
        self.out.write_all(bytes).map_err(WriteError::Write)
    }
}

fn record(entry: &Line<'_>, place: Place) -> Record {
    let number = |bytes: &[u8; 8]| u64::from_be_bytes(*bytes);
    let [high, low] = [0, 8].map(|at| entry.digest[at..].first_chunk().map_or(0, number));
    Record { digest: [high, low], size: entry.size, place }
}

/// Component, known-good or not, length of the path, length of the list, path: for each list.
fn encode_files(lists: &Lists) -> Result<Vec<u8>, WriteError> {
    let mut bytes = Vec::new();
    for (file, size) in lists.iter() {
        let length = u16::try_from(file.path.len()).map_err(|_| WriteError::TooMuch("bytes in a path"))?;
        bytes.extend([file.component as u8, u8::from(file.known_good)]);
        bytes.extend(length.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend(file.path.as_bytes());
    }
    Ok(bytes)
}

/// Tells lines that say again what one before them has said, of records that come in order.
struct Duplicates {
    algorithm: Algorithm,
    previous: Option<Record>,
    /// What was said of the digest's first half and the size that came last.
    said: HashSet<([u8; 32], bool)>,
    count: u64,
}

impl Duplicates {
    fn new(algorithm: Algorithm) -> Self {
        Self { algorithm, previous: None, said: HashSet::new(), count: 0 }
    }

    /// Whether a list of the same kind holds the same digest and size already.
    fn repeats(&mut self, lists: &Lists, record: Record) -> bool {
        let previous = self.previous.replace(record);
        // Few are alike even in this, so few lines are read again.
        let Some(alike) = previous.filter(|p| (p.digest, p.size) == (record.digest, record.size)) else {
            self.said.clear();
            return false;
        };
        let mut says = |record: Record| {
            let digest = lists.line(record.place, self.algorithm)?.digest;
            Some(self.said.insert((digest, lists.file(record.place)?.known_good)))
        };
        _ = says(alike);
        let repeats = says(record) == Some(false);
        self.count += u64::from(repeats);
        repeats
    }
}

/// Calls back with the number, the offset and the bytes of each line; `None` for a line that is too long.
fn for_each_line(
    list: &mut dyn Read,
    mut each: impl FnMut(u64, u64, Option<&[u8]>) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let mut buffer = vec![0; CHUNK];
    let (mut filled, mut number, mut too_long) = (0, 1, false);
    // Where the buffer's first byte stands in the list.
    let mut offset = 0;
    loop {
        let read = match list.read(&mut buffer[filled..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(WriteError::Read)?,
        };
        if read == 0 {
            break;
        }
        let end = filled + read;
        let mut start = 0;
        while let Some(length) = memchr::memchr(b'\n', &buffer[start..end]) {
            let line = &buffer[start..start + length];
            each(number, offset + start as u64, (!too_long && line.len() <= MAX_LINE).then_some(line))?;
            (start, number, too_long) = (start + length + 1, number + 1, false);
        }
        if end - start > MAX_LINE {
            // Its rest is read and thrown away, and the line is refused at its end.
            (start, too_long) = (end, true);
        }
        buffer.copy_within(start..end, 0);
        offset += start as u64;
        filled = end - start;
    }
    if too_long || filled > 0 {
        each(number, offset, (!too_long).then_some(&buffer[..filled]))
    } else {
        Ok(())
    }
}
