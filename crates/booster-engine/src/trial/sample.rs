//! Which files of a machine a trial looks at.

use serde::{Deserialize, Serialize};
use std::{fs, path::PathBuf, time::Duration};
use walkdir::WalkDir;

/// The files of a machine that definitions are tried on, and what that may cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Files that are always in it.
    pub files: Vec<PathBuf>,
    /// How many more are drawn at random.
    pub random: usize,
    /// The folders that these are drawn from, with all that is below them.
    pub folders: Vec<PathBuf>,
    /// Where the drawing begins: the same number draws the same files.
    pub seed: u64,
    /// Longest file in bytes.
    pub file_bytes: u64,
    /// Bytes of all files together.
    pub total_bytes: u64,
    /// How long drawing and scanning may take.
    pub time: Duration,
}

impl Sample {
    /// Whether no file is asked for.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && (self.random == 0 || self.folders.is_empty())
    }

    /// Names the files: those that are asked for, and after them what was drawn until the time ended, as far
    /// as the bytes reach.
    pub(super) fn choose(&self, ended: &dyn Fn() -> bool) -> Vec<PathBuf> {
        let mut left = self.total_bytes;
        let mut chosen = self.files.clone();
        for path in &self.files {
            // One that cannot be read is a failed file of the scan.
            left = left.saturating_sub(fs::metadata(path).map_or(0, |metadata| metadata.len()));
        }
        for (path, length) in self.draw(ended) {
            if length <= left && !chosen.contains(&path) {
                left -= length;
                chosen.push(path);
            }
        }
        chosen
    }

    /// Draws files with their lengths; each has the same chance (Waterman's algorithm R, from Knuth's "The Art
    /// of Computer Programming", volume 2, section 3.4.2).
    fn draw(&self, ended: &dyn Fn() -> bool) -> Vec<(PathBuf, u64)> {
        /// Entries between two looks at the clock.
        const LOOK_EVERY: u64 = 256;
        let mut drawn = Vec::new();
        if self.random == 0 {
            return drawn;
        }
        let (mut met, mut random) = (0, Random::new(self.seed));
        let entries = self.folders.iter().flat_map(|folder| WalkDir::new(folder).sort_by_file_name());
        for (number, entry) in (1..).zip(entries) {
            if number % LOOK_EVERY == 0 && ended() {
                break;
            }
            // What cannot be listed cannot be drawn.
            let Ok(entry) = entry else { continue };
            let Ok(metadata) = entry.metadata() else { continue };
            if !metadata.is_file() || metadata.len() == 0 || metadata.len() > self.file_bytes {
                continue;
            }
            met += 1;
            let place = random.below(met) as usize;
            if drawn.len() < self.random {
                drawn.push((entry.into_path(), metadata.len()));
            } else if place < self.random {
                drawn[place] = (entry.into_path(), metadata.len());
            }
        }
        drawn
    }
}

/// Numbers that look random and are the same for the same seed (Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators", 2014).
struct Random(u64);

impl Random {
    const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, path::Path};

    /// A folder with twenty files of 100 bytes, two folders deep, and what is no file of a sample.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("below");
        fs::create_dir(&below).unwrap();
        for n in 0..20 {
            let place = if n % 2 == 0 { folder.path() } else { &below };
            fs::write(place.join(format!("file-{n}")), [b'x'; 100]).unwrap();
        }
        fs::write(folder.path().join("empty"), b"").unwrap();
        fs::write(folder.path().join("long"), [b'x'; 5000]).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("link")).unwrap();
        folder
    }

    fn sample(folder: &Path, random: usize) -> Sample {
        Sample {
            random,
            folders: vec![folder.to_owned(), "/nonexistent".into()],
            file_bytes: 1000,
            total_bytes: 1 << 20,
            ..Sample::default()
        }
    }

    fn choose(sample: &Sample) -> Vec<PathBuf> {
        sample.choose(&|| false)
    }

    #[test]
    fn plain_files_of_the_folders_are_drawn_and_each_can_be() {
        let folder = folder();
        let mut seen = BTreeSet::new();
        for seed in 0..40 {
            let chosen = choose(&Sample { seed, ..sample(folder.path(), 5) });
            assert_eq!(chosen.iter().collect::<BTreeSet<_>>().len(), 5, "five different ones");
            assert!(chosen.iter().all(|path| path.to_string_lossy().contains("file-")), "{chosen:?}");
            seen.extend(chosen);
        }
        assert_eq!(seen.len(), 20, "some file was never drawn");
        let again = |seed| choose(&Sample { seed, ..sample(folder.path(), 5) });
        assert_eq!(again(3), again(3));
        assert_ne!(again(3), again(4));
    }

    #[test]
    fn a_sample_ends_where_its_bytes_or_its_time_do_and_named_files_are_always_in_it() {
        let folder = folder();
        let all = sample(folder.path(), 100);
        assert_eq!(choose(&all).len(), 20);
        assert_eq!(choose(&Sample { total_bytes: 350, ..all.clone() }).len(), 3);
        let named =
            vec![folder.path().join("long"), folder.path().join("below/file-1"), "/nonexistent".into()];
        let chosen = choose(&Sample { files: named.clone(), total_bytes: 5250, ..all.clone() });
        assert_eq!(
            (&chosen[..3], chosen.len()),
            (&named[..], 4),
            "file-1 was drawn twice or bytes counted wrong"
        );
        assert!(choose(&sample(folder.path(), 0)).is_empty() && sample(folder.path(), 0).is_empty());

        for n in 0..300 {
            fs::write(folder.path().join(format!("more-{n}")), b"x").unwrap();
        }
        assert!(all.choose(&|| true).len() < 300, "the time was over");
    }
}
