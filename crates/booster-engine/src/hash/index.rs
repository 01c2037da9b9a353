//! Looks digests up in an index file and its lists, which are mapped and shared between processes.

use super::{
    Algorithm, HashFile,
    format::{Header, HeaderFault, RECORD_DIGEST, RECORD_LENGTH, Table, filter_bit, prefix, u32_at, u64_at},
    lists::{Lists, Place},
    parse::ANY_SIZE,
};
use booster_definitions::{Component, DefinitionPath};
use booster_mapped::MappedFile;
use std::{io, path::Path};

/// An index file that cannot be used. Building the definitions again makes a good one.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The file cannot be opened or mapped.
    #[error("the hash index cannot be opened: {0}")]
    Io(#[from] io::Error),
    /// Something else than an index.
    #[error("the file is not a hash index")]
    NotAnIndex,
    /// Written by another version of Booster.
    #[error("the hash index has format {0}, which this build does not read")]
    OtherFormat(u32),
    /// Cut or changed.
    #[error("the hash index is damaged")]
    Damaged,
    /// A list cannot be opened or mapped.
    #[error("the hash list {list} cannot be opened: {source}")]
    List {
        /// The list.
        list: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A list is not the one that the index was built of.
    #[error("the hash list {0} has changed since the index was built")]
    ListChanged(String),
}

impl From<HeaderFault> for IndexError {
    fn from(fault: HeaderFault) -> Self {
        match fault {
            HeaderFault::NotAnIndex => Self::NotAnIndex,
            HeaderFault::OtherFormat(format) => Self::OtherFormat(format),
            HeaderFault::Damaged => Self::Damaged,
        }
    }
}

/// A listed hash that a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashMatch<'a> {
    /// The name in the list.
    pub name: &'a str,
    /// The list.
    pub file: &'a HashFile,
}

/// The digests of a file, as far as the index needs them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileDigests {
    /// MD5.
    pub md5: Option<[u8; 16]>,
    /// SHA-1.
    pub sha1: Option<[u8; 20]>,
    /// SHA-256.
    pub sha256: Option<[u8; 32]>,
}

impl FileDigests {
    /// Computes those digests of a file's content that could be in the index.
    pub fn wanted(index: &HashIndex, content: &[u8]) -> Self {
        use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
        let wants = |algorithm| index.wants(algorithm, content.len() as u64);
        Self {
            md5: wants(Algorithm::Md5).then(|| <md5::Md5 as md5::Digest>::digest(content).into()),
            sha1: wants(Algorithm::Sha1)
                .then(|| digest(&SHA1_FOR_LEGACY_USE_ONLY, content).as_ref().try_into().ok())
                .flatten(),
            sha256: wants(Algorithm::Sha256)
                .then(|| digest(&SHA256, content).as_ref().try_into().ok())
                .flatten(),
        }
    }

    fn get(&self, algorithm: Algorithm) -> Option<&[u8]> {
        match algorithm {
            Algorithm::Md5 => self.md5.as_ref().map(<[u8; 16]>::as_slice),
            Algorithm::Sha1 => self.sha1.as_ref().map(<[u8; 20]>::as_slice),
            Algorithm::Sha256 => self.sha256.as_ref().map(<[u8; 32]>::as_slice),
        }
    }
}

/// A mapped index.
#[derive(Debug)]
pub struct HashIndex {
    map: MappedFile,
    header: Header,
    lists: Lists,
}

impl HashIndex {
    /// Maps an index file and its lists, and checks that every section lies within the file and
    /// that the lists have their lengths. The lists are found in the folder of a generation.
    ///
    /// No more is read: the digests of all these files are checked by a verification.
    pub fn open(path: &Path, generation: &Path) -> Result<Self, IndexError> {
        let map = MappedFile::open(path)?;
        let header = Header::decode(&map)?;
        if header.length != map.len() as u64 || !header.tables.iter().all(|table| fits(table, header.length))
        {
            return Err(IndexError::Damaged);
        }
        let mut lists = Lists::default();
        for (file, length) in read_files(&map, &header).ok_or(IndexError::Damaged)? {
            let name = format!("{}/{}", file.component, file.path);
            let on_disk = generation.join(&name);
            if let Err(source) = lists.add(file, &on_disk) {
                return Err(IndexError::List { list: name, source });
            }
            if lists.iter().last().is_none_or(|(_, found)| found != length) {
                return Err(IndexError::ListChanged(name));
            }
        }
        Ok(Self { map, header, lists })
    }

    /// Length of the index file in bytes.
    pub const fn size(&self) -> u64 {
        self.header.length
    }

    /// Number of hashes.
    pub fn len(&self) -> u64 {
        self.header.tables.iter().map(|table| table.entries).sum()
    }

    /// Whether the index holds no hash.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a digest of a file of this size could be listed: if not, computing it is of no use.
    ///
    /// One size in sixteen that is not listed is taken for one that is.
    pub fn wants(&self, algorithm: Algorithm, size: u64) -> bool {
        let table = self.table(algorithm);
        if table.entries == 0 || table.any_size > 0 {
            return table.entries > 0;
        }
        let bit = filter_bit(size, table.filter_bits);
        u64_at(&self.map, (table.filter + bit / 64 * 8) as usize)
            .is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    /// Every listed hash that a file with these digests and this size has.
    pub fn matches<'a>(&'a self, digests: &'a FileDigests, size: u64) -> impl Iterator<Item = HashMatch<'a>> {
        Algorithm::ALL
            .into_iter()
            .filter_map(|algorithm| Some((algorithm, digests.get(algorithm)?)))
            .flat_map(move |(algorithm, digest)| self.lookup(algorithm, digest, size))
    }

    /// Every entry of a digest that a file of this size matches: the sizes are equal, or the list says `*`.
    pub fn lookup<'a>(
        &'a self,
        algorithm: Algorithm,
        digest: &'a [u8],
        size: u64,
    ) -> impl Iterator<Item = HashMatch<'a>> {
        let start = digest.get(..RECORD_DIGEST).unwrap_or_default();
        let records = self.candidates(algorithm, digest);
        let first = records.partition_point(|record| &record[..RECORD_DIGEST] < start);
        (first..records.count)
            .map_while(move |index| records.get(index).strip_prefix(start))
            .filter_map(move |place| self.resolve(Place(u64_at(place, 0)?), algorithm, digest, size))
    }

    /// The records that share the digest's prefix.
    fn candidates(&self, algorithm: Algorithm, digest: &[u8]) -> Records<'_> {
        let table = self.table(algorithm);
        let none = Records { bytes: &[], count: 0 };
        if table.entries == 0 || digest.len() != algorithm.digest_length() {
            return none;
        }
        let start = table.starts as usize + 4 * prefix(digest, table.prefix_bits) as usize;
        let (Some(from), Some(to)) = (u32_at(&self.map, start), u32_at(&self.map, start + 4)) else {
            return none;
        };
        let place = |index: u32| table.records as usize + index as usize * RECORD_LENGTH;
        match self.map.get(place(from)..place(to)) {
            Some(bytes) if u64::from(to) <= table.entries => Records { bytes, count: (to - from) as usize },
            // Only in a damaged file.
            _ => none,
        }
    }

    /// What the line at a place says, if it says it of this digest and size.
    fn resolve(&self, place: Place, algorithm: Algorithm, digest: &[u8], size: u64) -> Option<HashMatch<'_>> {
        let line = self.lists.line(place, algorithm)?;
        let same = line.digest.starts_with(digest) && (line.size == size || line.size == ANY_SIZE);
        same.then_some(HashMatch { name: line.name, file: self.lists.file(place)? })
    }

    const fn table(&self, algorithm: Algorithm) -> &Table {
        &self.header.tables[algorithm as usize]
    }
}

/// Records in a row.
#[derive(Clone, Copy)]
struct Records<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl<'a> Records<'a> {
    fn get(&self, index: usize) -> &'a [u8] {
        &self.bytes[index * RECORD_LENGTH..][..RECORD_LENGTH]
    }

    /// The first record for which `before` no longer holds.
    fn partition_point(&self, before: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = usize::midpoint(low, high);
            if before(self.get(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// Whether all parts of a table lie within the file.
fn fits(table: &Table, file: u64) -> bool {
    let within = |offset: u64, count: u64, each: u64| {
        count.checked_mul(each).and_then(|length| offset.checked_add(length)).is_some_and(|end| end <= file)
    };
    table.entries == 0
        || table.prefix_bits <= 26
            && (6..=32).contains(&table.filter_bits)
            && within(table.records, table.entries, RECORD_LENGTH as u64)
            && within(table.starts, (1 << table.prefix_bits) + 1, 4)
            && within(table.filter, 1 << (table.filter_bits - 6), 8)
}

/// The lists and their lengths.
fn read_files(map: &[u8], header: &Header) -> Option<Vec<(HashFile, u64)>> {
    let from = usize::try_from(header.files.offset).ok()?;
    let mut bytes = map.get(from..)?.get(..usize::try_from(header.files.length).ok()?)?;
    let mut files = Vec::new();
    while let Some((&[component, kind, low, high], rest)) = bytes.split_first_chunk() {
        let (length, rest) = rest.split_first_chunk()?;
        let (path, rest) = rest.split_at_checked(u16::from_le_bytes([low, high]).into())?;
        let file = HashFile {
            component: Component::ALL.into_iter().find(|c| *c as u8 == component)?,
            // It becomes part of a path on this machine.
            path: str::from_utf8(path).ok()?.parse::<DefinitionPath>().ok()?.to_string(),
            known_good: kind == 1,
        };
        files.push((file, u64::from_le_bytes(*length)));
        bytes = rest;
    }
    bytes.is_empty().then_some(files)
}
