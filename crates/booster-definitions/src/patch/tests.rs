//! Patches that are right, and patches that must not do harm.

use super::*;
use std::io::{self, Read as _};

/// A generator of numbers that are the same in each run (Marsaglia's xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() % most.max(1) as u64) as usize
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

fn apply_all(base: &[u8], patch: &[u8], size: u64) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut result = Vec::new();
    apply(base, patch, size)?.read_to_end(&mut result)?;
    Ok(result)
}

fn made(base: &[u8], new: &[u8]) -> Vec<u8> {
    make(base, new, Effort::Quick).unwrap().unwrap()
}

/// Makes a patch, applies it, and gives its length.
fn round_trip(base: &[u8], new: &[u8]) -> usize {
    let patch = made(base, new);
    let result = apply_all(base, &patch, new.len() as u64).unwrap();
    assert!(result == new, "{} bytes of base, {} of new", base.len(), new.len());
    patch.len()
}

fn rules(count: usize, seed: u64) -> String {
    let mut random = Random(seed);
    (0..count)
        .map(|n| {
            format!(
                "rule r{n} {{\n  strings:\n    $a = \"{:x}\"\n  condition:\n    $a\n}}\n\n",
                random.next()
            )
        })
        .collect()
}

/// A patch with this script, as an attacker would write it.
fn forged(kind: Kind, script: &[u8]) -> Vec<u8> {
    let mut patch = MAGIC.to_vec();
    patch.push(kind as u8);
    let mut encoder = zstd::Encoder::new(patch, 3).unwrap();
    encoder.set_pledged_src_size(Some(script.len() as u64)).unwrap();
    io::copy(&mut &*script, &mut encoder).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn random_edits_of_text_and_of_noise_round_trip() {
    let mut random = Random(0x5EED);
    for round in 0..300 {
        let base = match round % 3 {
            0 => rules(random.below(200), round + 1).into_bytes(),
            1 => {
                let length = random.below(20_000);
                random.bytes(length)
            }
            _ => (0..random.below(3000)).flat_map(|n| format!("{}\n", n % 97).into_bytes()).collect(),
        };
        let mut new = base.clone();
        for _ in 0..random.below(12) {
            let at = random.below(new.len() + 1);
            let end = (at + random.below(300)).min(new.len());
            match random.below(4) {
                0 => drop(new.drain(at..end)),
                1 => {
                    let length = random.below(200);
                    let bytes = random.bytes(length);
                    new.splice(at..at, bytes);
                }
                2 => {
                    let part = new[at..end].to_vec();
                    let to = random.below(new.len() + 1);
                    new.splice(to..to, part);
                }
                _ => {
                    let text = rules(1, random.next() | 1);
                    new.splice(at..end, text.into_bytes());
                }
            }
        }
        round_trip(&base, &new);
    }
}

#[test]
fn the_ends_of_the_possible_round_trip() {
    let text = rules(50, 1).into_bytes();
    for (base, new) in [
        (&b""[..], &b""[..]),
        (b"", b"x"),
        (b"x", b""),
        (b"x", b"x"),
        (&text, b""),
        (b"", &text),
        (&text, &text),
        (&text[..100], &text),
        (&text, &text[..100]),
        (&[0; 100_000], &[0; 99_999]),
        (&[b'\n'; 50_000], &[b'\n'; 50_001]),
    ] {
        round_trip(base, new);
    }
}

#[test]
fn small_changes_make_small_patches() {
    let base = rules(5000, 7);
    // Nothing changed; a rule in the middle; the order of halves.
    assert!(round_trip(base.as_bytes(), base.as_bytes()) < 30);
    let changed = base.replacen("rule r2500 ", "rule other ", 1);
    assert!(round_trip(base.as_bytes(), changed.as_bytes()) < 50);
    let (first, second) = base.split_at(base.find("rule r2500 ").unwrap());
    assert!(round_trip(base.as_bytes(), format!("{second}{first}").as_bytes()) < 50);
}

#[test]
fn binary_files_find_their_parts_again() {
    let mut random = Random(3);
    let base = random.bytes(200_000);
    let mut new = base.clone();
    new.splice(50_000..50_010, [1, 2, 3]);
    new.splice(150_000..150_000, [4; 30]);
    assert!(round_trip(&base, &new) < 200);
}

#[test]
fn what_lines_do_not_find_zstd_finds_in_the_base() {
    // The same words in other lines: no line of the base is a line of the new.
    let words: Vec<String> = {
        let mut random = Random(9);
        (0..20_000).map(|_| format!("{:016x}", random.next())).collect()
    };
    let base = words.chunks(7).map(|line| line.join(" ") + "\n").collect::<String>();
    let new = words.chunks(5).map(|line| line.join(" ") + "\n").collect::<String>();
    let patch = round_trip(base.as_bytes(), new.as_bytes());
    assert!(patch < new.len() / 10, "{patch} of {}", new.len());
}

#[test]
fn the_same_archives_make_the_same_patch() {
    let (base, new) = (rules(300, 1), rules(310, 1));
    for effort in [Effort::Quick, Effort::Thorough] {
        let patch = || make(base.as_bytes(), new.as_bytes(), effort).unwrap().unwrap();
        assert_eq!(patch(), patch());
    }
}

#[test]
fn too_much_that_is_new_makes_no_patch() {
    let new = Random(11).bytes(LARGEST_SCRIPT as usize + 1);
    assert_eq!(make(b"base", &new, Effort::Quick).unwrap(), None);
}

#[test]
fn a_patch_is_refused_or_gives_the_archive_whatever_byte_is_damaged() {
    let base = rules(60, 1);
    let new = format!("{}{}", &base[..1500], rules(3, 99)) + &base[1700..];
    for patch in [
        made(base.as_bytes(), new.as_bytes()),
        forged(
            Kind::Plain,
            &script::encode(
                &script::copies(base.as_bytes(), new.as_bytes(), &lines::Index::new(base.as_bytes()), 96),
                new.as_bytes(),
            ),
        ),
    ] {
        assert_eq!(apply_all(base.as_bytes(), &patch, new.len() as u64).unwrap(), new.as_bytes());
        for at in 0..patch.len() {
            for bit in 0..8 {
                let mut damaged = patch.clone();
                damaged[at] ^= 1 << bit;
                // What it gives is another archive, which its digest tells, and no longer than asked for.
                if let Ok(result) = apply_all(base.as_bytes(), &damaged, new.len() as u64) {
                    assert_eq!(result.len(), new.len());
                }
            }
            assert!(apply_all(base.as_bytes(), &patch[..at], new.len() as u64).is_err(), "cut at {at}");
        }
        assert!(apply_all(base.as_bytes(), &[&patch[..], b"more"].concat(), new.len() as u64).is_err());
    }
}

#[test]
fn noise_is_refused() {
    let mut random = Random(21);
    let base = rules(20, 1);
    for _ in 0..2000 {
        let length = random.below(200);
        let mut noise = random.bytes(length);
        if random.below(2) == 0 {
            noise.splice(0..0, *b"bpt\x02\x28\xb5\x2f\xfd");
        }
        assert!(apply_all(base.as_bytes(), &noise, 1000).is_err());
        // The same as a script that is sound zstd.
        let script = random.bytes(length);
        if let Ok(result) = apply_all(base.as_bytes(), &forged(Kind::Plain, &script), 1000) {
            assert_eq!(result.len(), 1000);
        }
    }
}

#[test]
fn another_base_or_another_size_is_noticed() {
    let (base, new) = (rules(60, 1), rules(61, 1));
    let patch = made(base.as_bytes(), new.as_bytes());
    for size in [0, 1, new.len() as u64 - 1, new.len() as u64 + 1, u64::MAX] {
        assert!(apply_all(base.as_bytes(), &patch, size).is_err(), "{size}");
    }
    let shorter = &base.as_bytes()[..base.len() - 700];
    assert!(apply_all(shorter, &patch, new.len() as u64).is_err());
    assert!(apply_all(b"", &patch, new.len() as u64).is_err());
}

#[test]
fn hostile_scripts_end_at_once() {
    let base = [b'x'; 1000];
    let refused =
        |script: &[u8], size| apply_all(&base, &forged(Kind::Plain, script), size).unwrap_err().to_string();
    for (script, words) in [
        (&[][..], "cut off"),
        (&[5, b'a'], "text is cut off"),
        (&[1, b'a'], "text is left over"),
        (&[0, 1], "more text than there is"),
        (&[0, 0], "cut off"),
        (&[0, 0, 0, 0], "copies nothing"),
        // Before the base, behind it, and past all numbers.
        (&[0, 0, 1, 5], "outside the base"),
        (&[0, 0, 0, 0xE9, 7], "outside the base"),
        (&[0, 0, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 5], "outside the base"),
        (&[0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1], "outside the base"),
        (&[0, 0, 0, 11], "more bytes than the archive has"),
        (&[0, 0, 0, 9], "fewer bytes than the archive has"),
    ] {
        let error = refused(script, 10);
        assert!(error.contains(words), "{script:?}: {error}");
    }
}

#[test]
fn a_hundred_thousand_copies_of_the_whole_base_give_no_byte_more_than_signed() {
    let base = vec![b'x'; 1000];
    let mut script = vec![0];
    for n in 0..100_000 {
        // Each starts again where the base does.
        script.push(0);
        script.extend_from_slice(if n == 0 { &[0] } else { &[0xCF, 0x0F] });
        script.extend_from_slice(&[0xE8, 0x07]);
    }
    let patch = forged(Kind::Plain, &script);
    let mut patched = apply(&base, &patch, 2500).unwrap();
    let mut result = Vec::new();
    let error = patched.read_to_end(&mut result).unwrap_err();
    assert!(error.to_string().contains("more bytes"), "{error}");
    assert!(result.len() <= 2500);
    // As many as signed are applied, each byte once.
    assert_eq!(apply_all(&base, &patch, 100_000_000).unwrap().len(), 100_000_000);
}

#[test]
fn a_script_that_expands_for_ever_is_refused_before_it_is_held() {
    let script = vec![0; LARGEST_SCRIPT as usize + 1];
    assert_eq!(apply(b"", &forged(Kind::Plain, &script), 1).unwrap_err(), PatchError::TooLarge);
    // One that does not say its length, and one that says too little.
    let silent = [&MAGIC[..], &[1], &zstd::encode_all(&script[..], 3).unwrap()].concat();
    assert!(matches!(apply(b"", &silent, 1).unwrap_err(), PatchError::Damaged(_)));
    let mut lying = forged(Kind::Plain, &script[..1 << 20]);
    let size = 4 + 5;
    lying[size..size + 4].copy_from_slice(&100u32.to_le_bytes());
    assert!(matches!(apply(b"", &lying, 1).unwrap_err(), PatchError::Damaged(_)));
}

#[test]
fn kinds_that_came_later_are_named() {
    let mut patch = made(b"a", b"b");
    patch[3] = 9;
    assert_eq!(apply(b"a", &patch, 1).unwrap_err(), PatchError::NewerKind(9));
    assert_eq!(apply(b"a", b"bp", 1).unwrap_err(), PatchError::NotAPatch);
    assert_eq!(apply(b"a", b"tar!....", 1).unwrap_err(), PatchError::NotAPatch);
}
