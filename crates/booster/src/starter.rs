//! A starter set of definitions: harmless test patterns, for trials and as an example to copy.
//!
//! The patterns are kept backwards and in hexadecimal, here and in the rules that are made of them,
//! so that no scanner takes this program or its definitions for malware. They exist in plain form
//! only in the sample files that are to be detected.

use booster_definitions::{Component, Digest};

/// A harmless pattern that stands for a threat.
struct Pattern {
    component: Component,
    /// The rule's name, and the base name of files.
    name: &'static str,
    threat: &'static str,
    description: &'static str,
    /// The bytes backwards, in hexadecimal.
    backwards: &'static str,
    /// MD5, where a list of MD5 sums is to be shown.
    md5: Option<&'static str>,
}

/// The test file that all antivirus products agree on; see eicar.org.
const EICAR: Pattern = Pattern {
    component: Component::Antivirus,
    name: "eicar_test_file",
    threat: "EICAR-Test-File",
    description: "the standard antivirus test file, harmless by design",
    backwards: "2a482b482421454c49462d545345542d535552495649544e412d445241444e4154532d524143494524\
                7d3729434337295e50283435585a505c345b5041402550214f3558",
    md5: Some("44d88612fea8a8f36de82e1278abb02f"),
};

/// Our own, for potentially unwanted software.
const SPYWARE: Pattern = Pattern {
    component: Component::Antispyware,
    name: "booster_spyware_test_file",
    threat: "Booster-Spyware-Test-File",
    description: "a harmless text that stands for spyware",
    backwards: "454c49462d545345542d455241575950532d524554534f4f42",
    md5: None,
};

/// What a shell as root answers to `id`: the classic payload to try network inspection with.
const ROOT_SHELL: Pattern = Pattern {
    component: Component::Nis,
    name: "root_shell_answer",
    threat: "Root-Shell-Answer-Test",
    description: "what a shell with all rights answers to the command id",
    backwards: "29746f6f7228303d7370756f72672029746f6f7228303d6469672029746f6f7228303d646975",
    md5: None,
};

/// Our own, for the second release: what was unknown yesterday.
const NEW_THREAT: Pattern = Pattern {
    component: Component::Antivirus,
    name: "booster_new_threat_test_file",
    threat: "Booster-New-Threat-Test-File",
    description: "a harmless text that stands for a threat found today",
    backwards: "454c49462d545345542d5441455248542d57454e2d524554534f4f42",
    md5: None,
};

/// A file to write: where, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StarterFile {
    /// Path below the folder that the set is written to.
    pub path: String,
    /// Content.
    pub content: Vec<u8>,
}

/// The first release of every component, a folder each.
pub fn first_release() -> Vec<StarterFile> {
    let mut files: Vec<_> = [EICAR, SPYWARE, ROOT_SHELL].iter().flat_map(Pattern::definitions).collect();
    files.extend([
        file("antivirus/selftest/must-not-detect/letter.txt", LETTER),
        file("antispyware/selftest/must-not-detect/letter.txt", LETTER),
        file("nis/selftest/must-not-detect/letter.txt", LETTER),
        file("nis/suricata/test.rules", SURICATA),
    ]);
    // Starts with the pattern, and is known to be good all the same.
    let training = training_copy();
    let known_good = format!("{}:{}:Training-Copy\n", Digest::of(&training), training.len());
    files.push(file("antivirus/hashes/known-good.sfp", &known_good));
    files.push(StarterFile {
        path: "antivirus/selftest/must-not-detect/training-copy.txt".to_owned(),
        content: training,
    });
    files
}

/// What the second release of antivirus adds.
pub fn second_release() -> Vec<StarterFile> {
    NEW_THREAT.definitions()
}

/// Files to scan: the test file, today's threat, and a letter.
pub fn samples() -> Vec<StarterFile> {
    vec![
        StarterFile { path: "eicar.com".to_owned(), content: EICAR.bytes() },
        StarterFile { path: "new-threat.txt".to_owned(), content: NEW_THREAT.bytes() },
        file("letter.txt", LETTER),
    ]
}

const LETTER: &str = "Dear reader,\n\nthere is nothing dangerous in this file.\n";

const SURICATA: &str = "\
# Carried untouched for Suricata: the built-in engine does not read this file.
alert ip any any -> any any (msg:\"A shell with all rights answers\"; content:\"uid=0|28|root|29|\"; \
classtype:bad-unknown; sid:1000001; rev:1;)
";

fn training_copy() -> Vec<u8> {
    let mut content = EICAR.bytes();
    content.extend_from_slice(b" (a copy for training, known to be good)\n");
    content
}

fn file(path: &str, content: &str) -> StarterFile {
    StarterFile { path: path.to_owned(), content: content.as_bytes().to_owned() }
}

impl Pattern {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = hex::decode(self.backwards).unwrap_or_default();
        bytes.reverse();
        bytes
    }

    /// A rule, hash lists and a self-test.
    fn definitions(&self) -> Vec<StarterFile> {
        let (component, name, content) = (self.component, self.name, self.bytes());
        let mut files = vec![
            file(&format!("{component}/rules/{name}.yar"), &self.rule(&content)),
            file(
                &format!("{component}/hashes/{name}.hsb"),
                &format!("{}:{}:{}\n", Digest::of(&content), content.len(), self.threat),
            ),
        ];
        if let Some(md5) = self.md5 {
            let line = format!("{md5}:{}:{}\n", content.len(), self.threat);
            files.push(file(&format!("{component}/hashes/{name}.hdb"), &line));
        }
        files.push(StarterFile { path: format!("{component}/selftest/must-detect/{name}.txt"), content });
        files
    }

    fn rule(&self, content: &[u8]) -> String {
        let Self { name, threat, description, .. } = self;
        format!(
            "rule {name}\n{{\n    meta:\n        description = \"{description}\"\n        threat = \"{threat}\"\n    \
             strings:\n        $pattern = {{ {} }}\n    condition:\n        $pattern\n}}\n",
            hex::encode_upper(content)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{
        FileKind,
        archive::{FileSet, Limits, Source},
    };

    #[test]
    fn the_standard_test_file_is_the_published_one() {
        // The digest that eicar.org's file is known by.
        let digest = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
        assert_eq!(Digest::of(&EICAR.bytes()).to_string(), digest);
        assert_eq!(EICAR.bytes().len(), 68);
    }

    #[test]
    fn patterns_are_not_in_plain_form_where_a_scanner_would_look() {
        let source = include_bytes!("starter.rs");
        for pattern in [EICAR, SPYWARE, NEW_THREAT] {
            let bytes = pattern.bytes();
            assert!(bytes.len() > 6, "{}", pattern.name);
            let holds = |content: &[u8]| content.windows(bytes.len()).any(|window| window == bytes);
            assert!(!holds(source), "{}", pattern.name);
            for file in pattern.definitions().iter().filter(|file| !file.path.contains("/selftest/")) {
                assert!(!holds(&file.content), "{}", file.path);
            }
        }
    }

    #[test]
    fn every_component_has_rules_hashes_and_self_tests_and_can_be_archived() {
        for component in Component::ALL {
            let prefix = format!("{component}/");
            let mut set = FileSet::new(Limits::default());
            let mut kinds = std::collections::BTreeSet::new();
            for StarterFile { path, content } in first_release() {
                if let Some(path) = path.strip_prefix(&prefix) {
                    let path: booster_definitions::DefinitionPath = path.parse().unwrap();
                    kinds.insert(FileKind::of(&path));
                    set.insert(path, Source::Bytes(content)).unwrap();
                }
            }
            assert!(kinds.contains(&FileKind::Yara) && kinds.contains(&FileKind::HashList), "{component}");
            assert!(kinds.iter().any(|kind| matches!(kind, FileKind::SelfTest(_))), "{component}");
            assert!(set.write(std::io::sink()).unwrap().files > 3);
        }
    }
}
