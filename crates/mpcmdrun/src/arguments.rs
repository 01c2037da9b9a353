//! The command line: one command, and options of its own.
//!
//! Names begin with one dash and are the same in capitals and small letters; a value is the argument
//! after its option. That is not what the usual parsers read, so this one is written by hand.

use mpclient::Hresult;
use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `-h`, `-?`, or nothing.
    Help,
    /// `-SignatureUpdate`
    SignatureUpdate(From),
    /// `-RemoveDefinitions`
    RemoveDefinitions {
        /// `-All`
        all: bool,
    },
    /// `-Scan -ScanType 3`
    Scan {
        /// `-File`
        file: PathBuf,
        /// `-ReturnHR`
        return_code: bool,
    },
}

/// Where an update looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// All configured sources, in their order.
    Configured,
    /// `-UNC`: configured shares and folders.
    Shares,
    /// `-UNC -Path`: this share or folder.
    Folder(PathBuf),
    /// `-MMPC`: configured web servers.
    Http,
}

/// A command line that makes no sense, or asks for what there is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The code for it.
    pub code: Hresult,
    /// What is wrong, for people.
    pub message: String,
}

/// Reads the arguments after the program's name.
///
/// # Errors
/// They name no command, or options that it does not have, or lack what it needs.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Mistake> {
    let mut arguments = arguments.into_iter();
    let Some(command) = arguments.next() else { return Ok(Command::Help) };
    match name_of(&command).as_deref() {
        Some("-h" | "-?" | "-help" | "--help") => Ok(Command::Help),
        Some("-signatureupdate") => signature_update(&Given::read("-SignatureUpdate", UPDATE, arguments)?),
        Some("-removedefinitions") => remove(&Given::read("-RemoveDefinitions", REMOVE, arguments)?),
        Some("-scan") => scan(&Given::read("-Scan", SCAN, arguments)?),
        _ => {
            let shown = command.to_string_lossy();
            Err(invalid(format!("{shown:?} is no command of this program; commands begin with a dash")))
        }
    }
}

const UPDATE: &[Known] = &[Known::Flag("-UNC"), Known::Value("-Path"), Known::Flag("-MMPC")];
const REMOVE: &[Known] =
    &[Known::Flag("-All"), Known::Missing("-Engine"), Known::Missing("-DynamicSignatures")];
/// Nothing is ever changed in what is scanned, so `-DisableRemediation` asks for what happens anyway.
const SCAN: &[Known] = &[
    Known::Value("-ScanType"),
    Known::Value("-File"),
    Known::Flag("-DisableRemediation"),
    Known::Flag("-ReturnHR"),
    Known::Missing("-BootSectorScan"),
    Known::Missing("-CpuThrottling"),
    Known::Missing("-Timeout"),
    Known::Missing("-Cancel"),
];

fn signature_update(given: &Given) -> Result<Command, Mistake> {
    let from = match (given.has("-UNC"), given.value("-Path"), given.has("-MMPC")) {
        (true, _, true) => return Err(invalid("-UNC and -MMPC exclude each other")),
        (false, Some(_), _) => return Err(invalid("-Path belongs to -UNC")),
        (true, Some(path), false) if path.is_empty() => return Err(invalid("-Path is empty")),
        (true, Some(path), false) => From::Folder(path.into()),
        (true, None, false) => From::Shares,
        (false, None, true) => From::Http,
        (false, None, false) => From::Configured,
    };
    Ok(Command::SignatureUpdate(from))
}

fn remove(given: &Given) -> Result<Command, Mistake> {
    Ok(Command::RemoveDefinitions { all: given.has("-All") })
}

fn scan(given: &Given) -> Result<Command, Mistake> {
    match given.value("-ScanType").map(|number| number.to_str()) {
        Some(Some("3")) => {}
        None | Some(Some("0" | "1" | "2")) => {
            let message = "-Scan needs -ScanType 3: quick and full scans are not part of Booster".to_owned();
            return Err(Mistake { code: Hresult::ERROR_MP_NOT_SUPPORTED, message });
        }
        Some(_) => return Err(invalid("-ScanType is 3, for the file or folder that -File names")),
    }
    match given.value("-File") {
        Some(file) if !file.is_empty() => {
            Ok(Command::Scan { file: file.into(), return_code: given.has("-ReturnHR") })
        }
        _ => Err(invalid("-ScanType 3 needs -File with a file or a folder")),
    }
}

/// An option that a command knows.
#[derive(Debug, Clone, Copy)]
enum Known {
    /// Given or not.
    Flag(&'static str),
    /// With a value.
    Value(&'static str),
    /// One of MpCmdRun's, for something that Booster does not have.
    Missing(&'static str),
}

impl Known {
    const fn name(self) -> &'static str {
        match self {
            Self::Flag(name) | Self::Value(name) | Self::Missing(name) => name,
        }
    }
}

/// The options that were given, with their values.
struct Given(BTreeMap<&'static str, OsString>);

impl Given {
    fn read(
        command: &str,
        known: &[Known],
        mut arguments: impl Iterator<Item = OsString>,
    ) -> Result<Self, Mistake> {
        let mut given = BTreeMap::new();
        while let Some(argument) = arguments.next() {
            let name = name_of(&argument);
            let is_it = |known: &&Known| name.as_deref() == Some(known.name().to_ascii_lowercase().as_str());
            let Some(option) = known.iter().find(is_it) else {
                let shown = argument.to_string_lossy();
                return Err(invalid(format!("{shown:?} is no option of {command}")));
            };
            let value = match option {
                Known::Flag(_) => OsString::new(),
                Known::Value(name) => {
                    arguments.next().ok_or_else(|| invalid(format!("{name} needs a value")))?
                }
                Known::Missing(name) => {
                    let message = format!("{command} {name} is for something that is not part of Booster");
                    return Err(Mistake { code: Hresult::ERROR_MP_NOT_SUPPORTED, message });
                }
            };
            if given.insert(option.name(), value).is_some() {
                return Err(invalid(format!("{} is given twice", option.name())));
            }
        }
        Ok(Self(given))
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn value(&self, name: &str) -> Option<&OsString> {
        self.0.get(name)
    }
}

/// The name of a command or option in small letters.
fn name_of(argument: &OsString) -> Option<String> {
    argument.to_str().map(str::to_ascii_lowercase)
}

fn invalid(message: impl Into<String>) -> Mistake {
    Mistake { code: Hresult::E_INVALIDARG, message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Command, Mistake> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn what_is_asked_for_is_understood_in_capitals_and_small_letters() {
        let update = Command::SignatureUpdate;
        for (line, command) in [
            ("", Command::Help),
            ("-h", Command::Help),
            ("-?", Command::Help),
            ("-H -whatever", Command::Help),
            ("-SignatureUpdate", update(From::Configured)),
            ("-signatureupdate", update(From::Configured)),
            ("-SIGNATUREUPDATE -mmpc", update(From::Http)),
            ("-SignatureUpdate -UNC", update(From::Shares)),
            ("-SignatureUpdate -unc -PATH /media/Share", update(From::Folder("/media/Share".into()))),
            ("-SignatureUpdate -Path -All -UNC", update(From::Folder("-All".into()))),
            ("-RemoveDefinitions", Command::RemoveDefinitions { all: false }),
            ("-Scan -ScanType 3 -File a", Command::Scan { file: "a".into(), return_code: false }),
            (
                "-scan -file a -RETURNHR -disableremediation -scantype 3",
                Command::Scan { file: "a".into(), return_code: true },
            ),
            ("-removedefinitions -ALL", Command::RemoveDefinitions { all: true }),
        ] {
            assert_eq!(read(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_named() {
        let (invalid, not_here) = (Hresult::E_INVALIDARG, Hresult::ERROR_MP_NOT_SUPPORTED);
        for (line, code, named) in [
            ("SignatureUpdate", invalid, "\"SignatureUpdate\" is no command"),
            ("-Everything", invalid, "\"-Everything\" is no command"),
            ("-SignatureUpdate -All", invalid, "\"-All\" is no option of -SignatureUpdate"),
            ("-SignatureUpdate UNC", invalid, "\"UNC\" is no option"),
            ("-SignatureUpdate -UNC -MMPC", invalid, "exclude each other"),
            ("-SignatureUpdate -UNC -MMPC -Path a", invalid, "exclude each other"),
            ("-SignatureUpdate -Path /media", invalid, "-Path belongs to -UNC"),
            ("-SignatureUpdate -MMPC -Path /media", invalid, "-Path belongs to -UNC"),
            ("-SignatureUpdate -UNC -Path", invalid, "-Path needs a value"),
            ("-SignatureUpdate -UNC -unc", invalid, "-UNC is given twice"),
            ("-SignatureUpdate -UNC -Path a -Path b", invalid, "-Path is given twice"),
            ("-RemoveDefinitions -Engine", not_here, "-RemoveDefinitions -Engine is for something"),
            ("-Scan", not_here, "-Scan needs -ScanType 3"),
            ("-Scan -ScanType 1", not_here, "quick and full scans"),
            ("-Scan -ScanType 4 -File a", invalid, "-ScanType is 3"),
            ("-Scan -ScanType three", invalid, "-ScanType is 3"),
            ("-Scan -ScanType 3", invalid, "needs -File"),
            ("-Scan -ScanType 3 -File", invalid, "-File needs a value"),
            ("-Scan -Cancel", not_here, "-Scan -Cancel is for something"),
            ("-RemoveDefinitions -DynamicSignatures", not_here, "not part of Booster"),
        ] {
            let mistake = read(line).unwrap_err();
            assert_eq!(mistake.code, code, "{line}");
            assert!(mistake.message.contains(named), "{line}: {}", mistake.message);
        }
        let empty = ["-SignatureUpdate", "-UNC", "-Path", ""].map(OsString::from);
        assert_eq!(parse(empty).unwrap_err().message, "-Path is empty");
    }
}
