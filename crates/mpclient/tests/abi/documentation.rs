//! The reference page: its example compiles, and its codes are those of the library.

use crate::support::{Language, Program};
use booster_update::ErrorKind;
use mpclient::{Hresult, error, hresult};
use std::collections::BTreeMap;

const PAGE: &str = include_str!("../../../../docs/mpclient.md");

#[test]
fn the_example_of_the_page_compiles_in_both_languages() {
    let example = PAGE.split("```c\n").nth(1).unwrap().split("```").next().unwrap();
    for language in [Language::C11, Language::Cpp17] {
        Program::compiles("example", example, language);
    }
}

/// The cells of a table's row, without the marks of code.
fn cells(line: &str) -> Option<Vec<String>> {
    let row = line.strip_prefix("| ")?.strip_suffix(" |")?;
    Some(row.split(" | ").map(|cell| cell.replace('`', "")).collect())
}

#[test]
fn the_page_has_the_code_of_every_kind_of_failure() {
    let table = PAGE.split("| kind | code | name |").nth(1).unwrap();
    let mut told = BTreeMap::new();
    for row in table.trim_start().lines().map_while(cells) {
        if let [kinds, code, name] = row.as_slice() {
            for kind in kinds.split(", ") {
                told.entry(kind.to_owned()).or_insert((code.clone(), name.clone()));
            }
        }
    }
    for kind in ErrorKind::ALL {
        let code = error::of_kind(kind);
        let name = code.known().unwrap().name;
        assert_eq!(told.get(kind.as_str()), Some(&(code.to_string(), name.to_owned())), "{kind}");
    }
}

#[test]
fn every_name_and_number_that_stand_together_belong_together() {
    let known: BTreeMap<&str, Hresult> = hresult::all().map(|code| (code.name, code.hresult)).collect();
    let mut seen = 0;
    for row in PAGE.lines().filter_map(cells) {
        let [.., numbers, names] = row.as_slice() else { continue };
        let pairs = numbers.split(", ").zip(names.split(", "));
        for (number, code) in pairs.filter_map(|(number, name)| Some((number, known.get(name)?))) {
            assert_eq!(number, code.to_string(), "{row:?}");
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}
