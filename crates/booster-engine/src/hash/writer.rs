//! Writes an index: lists in, one sorted file out.
//!
//! Lists are read once, in pieces. Names go to the file as they come; records are collected in
//! parts, sorted and written. Memory is the records alone: 48 bytes for each SHA-256.

use super::{
    Algorithm, HashListError, HashListFault,
    format::{HEADER_LENGTH, Header, Section, Table, filter_bit, prefix, u64_at},
    parse::{ANY_SIZE, parse_line},
    partition::Partition,
};
use booster_definitions::Component;
use std::{
    fs::File,
    io::{self, BufWriter, Read, Seek as _, Write},
    path::Path,
};

/// Wrong lines that are kept for the report; all are counted.
const KEPT_ERRORS: usize = 100;
/// Longest line, with room for a hash, a size, a name and levels.
const MAX_LINE: usize = 1024;
/// How much of a list is read at once.
const CHUNK: usize = 256 << 10;
/// Slots of the memory for names that were written already.
const NAME_SLOTS: usize = 1 << 12;

/// Which digests a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// `.hdb`, `.fp`.
    Md5,
    /// `.hsb`, `.sfp`.
    Sha,
}

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
    #[error("more {0} than an index can hold: 4 GiB of names, 4 billion hashes")]
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
    names_length: u64,
    recent_names: Vec<(u32, String)>,
    files: Vec<u8>,
    known_good: Vec<bool>,
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
            names_length: 0,
            recent_names: vec![(0, String::new()); NAME_SLOTS],
            files: Vec::new(),
            known_good: Vec::new(),
            partitions: Algorithm::ALL.map(Partition::new),
            errors: Vec::new(),
            errors_total: 0,
        })
    }

    /// Adds a list and returns how many hashes it holds.
    ///
    /// Wrong lines do not stop the reading: [`IndexWriter::finish`] returns them all.
    pub fn add(
        &mut self,
        component: Component,
        file: &str,
        format: ListFormat,
        known_good: bool,
        list: &mut dyn Read,
    ) -> Result<u64, WriteError> {
        let number = self.push_file(component, file, known_good)?;
        let mut hashes = 0;
        for_each_line(list, |line, text| {
            match text.ok_or(HashListFault::TooLong).and_then(|text| parse_line(text, format)) {
                Ok(None) => {}
                Ok(Some(entry)) => {
                    let name = self.push_name(entry.name)?;
                    let table = &mut self.partitions[entry.algorithm as usize];
                    table.push(&entry.digest, entry.size, name, number);
                    hashes += 1;
                }
                Err(fault) => {
                    self.errors_total += 1;
                    if self.errors.len() < KEPT_ERRORS {
                        self.errors.push(HashListError { component, file: file.to_owned(), line, fault });
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
        let names = Section { offset: HEADER_LENGTH as u64, length: self.names_length };
        let mut statistics = IndexStatistics::default();
        let mut tables = [Table::default(); 3];
        let partitions = std::mem::replace(&mut self.partitions, Algorithm::ALL.map(Partition::new));
        for (algorithm, partition) in Algorithm::ALL.into_iter().zip(partitions) {
            let (table, duplicates) = self.write_table(algorithm, partition)?;
            statistics.entries += table.entries;
            statistics.duplicates += duplicates;
            tables[algorithm as usize] = table;
        }
        let files = Section { offset: self.position, length: self.files.len() as u64 };
        let bytes = std::mem::take(&mut self.files);
        self.write(&bytes)?;
        let header = Header { length: self.position, names, files, tables };
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
        let records = self.position;
        let mut table = Table { records, prefix_bits, filter_bits, ..Table::default() };
        let mut starts: Vec<u32> = Vec::with_capacity((1 << prefix_bits) + 1);
        let mut filter = vec![0u64; 1 << (filter_bits - 6)];
        let known_good = std::mem::take(&mut self.known_good);
        let same = |a: u32, b: u32| known_good.get(a as usize) == known_good.get(b as usize);
        let duplicates = partition.drain_sorted(same, |record| {
            let prefix = prefix(record, prefix_bits) as usize;
            starts.resize((prefix + 1).max(starts.len()), table.entries as u32);
            match u64_at(record, algorithm.digest_length()) {
                Some(ANY_SIZE) => table.any_size += 1,
                size => {
                    let bit = filter_bit(size.unwrap_or_default(), filter_bits);
                    filter[(bit >> 6) as usize] |= 1 << (bit & 63);
                }
            }
            table.entries += 1;
            self.write(record)
        })?;
        self.known_good = known_good;
        starts.resize((1 << prefix_bits) + 1, table.entries as u32);
        table.starts = self.position;
        for start in starts {
            self.write(&start.to_le_bytes())?;
        }
        table.filter = self.position;
        for word in filter {
            self.write(&word.to_le_bytes())?;
        }
        Ok((table, duplicates))
    }

    fn push_file(&mut self, component: Component, file: &str, known_good: bool) -> Result<u32, WriteError> {
        let length = u16::try_from(file.len()).map_err(|_| WriteError::TooMuch("bytes in a path"))?;
        self.files.extend([component as u8, u8::from(known_good)]);
        self.files.extend(length.to_le_bytes());
        self.files.extend(file.as_bytes());
        self.known_good.push(known_good);
        Ok(self.known_good.len() as u32 - 1)
    }

    /// Writes a name and returns its place. Lists repeat names in runs: those written lately are found again.
    fn push_name(&mut self, name: &str) -> Result<u32, WriteError> {
        let slot = name_slot(name.as_bytes());
        if self.recent_names[slot].1 == name {
            return Ok(self.recent_names[slot].0);
        }
        let place = u32::try_from(self.names_length).map_err(|_| WriteError::TooMuch("names"))?;
        let length = u8::try_from(name.len()).map_err(|_| WriteError::TooMuch("bytes in a name"))?;
        self.write(&[length])?;
        self.write(name.as_bytes())?;
        self.names_length += 1 + name.len() as u64;
        let recent = &mut self.recent_names[slot];
        recent.0 = place;
        recent.1.clear();
        recent.1.push_str(name);
        Ok(place)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.position += bytes.len() as u64;
        self.out.write_all(bytes).map_err(WriteError::Write)
    }
}

/// The place of a name among the recent ones: names differ at their ends more than anywhere else.
fn name_slot(name: &[u8]) -> usize {
    let end = name.last_chunk().map_or_else(
        || name.iter().fold(0, |end, byte| end << 8 | u64::from(*byte)),
        |end| u64::from_le_bytes(*end),
    );
    (end.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52) as usize % NAME_SLOTS
}

/// Calls back with the number and the bytes of each line; `None` for a line that is too long.
fn for_each_line(
    list: &mut dyn Read,
    mut each: impl FnMut(u64, Option<&[u8]>) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let mut buffer = vec![0; CHUNK];
    let (mut filled, mut number, mut too_long) = (0, 1, false);
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
            each(number, (!too_long && line.len() <= MAX_LINE).then_some(line))?;
            (start, number, too_long) = (start + length + 1, number + 1, false);
        }
        if end - start > MAX_LINE {
            // Its rest is read and thrown away, and the line is refused at its end.
            (start, too_long) = (end, true);
        }
        buffer.copy_within(start..end, 0);
        filled = end - start;
    }
    if too_long || filled > 0 { each(number, (!too_long).then_some(&buffer[..filled])) } else { Ok(()) }
}
