//! The outline of a text of YARA rules: where its rules stand, and where their conditions are.
//!
//! A parse of a large set takes longer than all else that is done with it before it is compiled, and what
//! is needed here is little: texts, patterns and comments are skipped, braces are counted. That is exact,
//! since YARA divides with `\`: a `/` starts a comment or a regular expression and nothing else. A text that is
//! not of that form has no outline; whether one that has is free of faults the compiler says.

use std::ops::Range;

/// What stands at the top of a text, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item<'a> {
    Import,
    Include,
    Rule(RuleOutline<'a>),
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RuleOutline<'a> {
    pub name: &'a str,
    pub global: bool,
    /// What follows the colon of its condition, up to the brace that ends the rule.
    pub condition: Range<usize>,
}

/// The items of a text, each with the place where it starts.
pub(super) fn outline(text: &str) -> Option<Vec<(usize, Item<'_>)>> {
    let mut reader = Reader { text, at: 0 };
    let mut items = Vec::new();
    loop {
        reader.skip_blank()?;
        if reader.at == text.len() {
            return Some(items);
        }
        let start = reader.at;
        let item = match reader.word()? {
            "import" => reader.quoted().map(|()| Item::Import)?,
            "include" => reader.quoted().map(|()| Item::Include)?,
            word => Item::Rule(reader.rule(word)?),
        };
        items.push((start, item));
    }
}

/// Whether a byte may stand in a name.
pub(super) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The place behind the text, comment or regular expression that starts here; `None` if it has no end.
pub(super) fn after_literal(text: &[u8], at: usize) -> Option<usize> {
    let found =
        |end: &[u8]| memchr::memmem::find(&text[at + 2..], end).map(|found| at + 2 + found + end.len());
    match text[at..] {
        [b'/', b'/', ..] => Some(memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |end| at + end)),
        [b'/', b'*', ..] => found(b"*/"),
        [quote, ..] => {
            let mut end = at + 1;
            loop {
                // Neither goes beyond its line.
                end += memchr::memchr3(quote, b'\\', b'\n', &text[end..])?;
                match text[end] {
                    b'\\' => end += 2,
                    b'\n' => return None,
                    _ => return Some(end + 1),
                }
                if end >= text.len() {
                    return None;
                }
            }
        }
        [] => None,
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Goes to what is neither white space nor a comment.
    fn skip_blank(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = self.peek() {
            match byte {
                b'/' if matches!(bytes.get(self.at + 1), Some(b'/' | b'*')) => {
                    self.at = after_literal(bytes, self.at)?;
                }
                byte if byte.is_ascii_whitespace() => self.at += 1,
                _ => break,
            }
        }
        Some(())
    }

    fn word(&mut self) -> Option<&'a str> {
        self.skip_blank()?;
        let rest = &self.text[self.at..];
        let length = rest.bytes().take_while(|byte| is_word(*byte)).count();
        self.at += length;
        (length > 0).then(|| &rest[..length])
    }

    fn quoted(&mut self) -> Option<()> {
        self.skip_blank()?;
        self.at = after_literal(self.text.as_bytes(), self.at).filter(|_| self.peek() == Some(b'"'))?;
        Some(())
    }

    fn rule(&mut self, first: &str) -> Option<RuleOutline<'a>> {
        let (mut global, mut word) = (false, first);
        while word != "rule" {
            global |= word == "global";
            word = matches!(word, "global" | "private").then(|| self.word())??;
        }
        let name = self.word()?;
        let condition = self.body()?;
        Some(RuleOutline { name, global, condition })
    }

    /// From the colon before the tags, or the opening brace, to behind the closing one.
    fn body(&mut self) -> Option<Range<usize>> {
        let bytes = self.text.as_bytes();
        let (mut depth, mut condition) = (0u32, None);
        loop {
            match self.peek()? {
                b'"' | b'/' => self.at = after_literal(bytes, self.at)?,
                byte if is_word(byte) => {
                    let of_string = matches!(bytes[self.at - 1], b'$' | b'#' | b'@' | b'!');
                    if self.word()? == "condition" && !of_string && depth == 1 && condition.is_none() {
                        self.skip_blank()?;
                        condition = (self.peek() == Some(b':')).then_some(self.at + 1);
                    }
                }
                brace => {
                    self.at += 1;
                    match brace {
                        b'{' => depth += 1,
                        b'}' => depth = depth.checked_sub(1)?,
                        _ => {}
                    }
                    if brace == b'}' && depth == 0 {
                        return condition.map(|start| start..self.at - 1);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::print_stderr)]

    use super::*;
    use boreal_parser::file::YaraFileComponent;
    use std::{
        collections::BTreeSet,
        fs::File,
        io::Read as _,
        path::{Path, PathBuf},
    };

    /// What a parse says of the same text, conditions without the white space around them.
    fn parsed(text: &str) -> Option<Vec<(String, bool, String)>> {
        let file = boreal_parser::parse(text).ok()?;
        let item = |component: YaraFileComponent| match component {
            YaraFileComponent::Import(_) => ("import".to_owned(), false, String::new()),
            YaraFileComponent::Include(_) => ("include".to_owned(), false, String::new()),
            YaraFileComponent::Rule(rule) => {
                (rule.name.clone(), rule.is_global, text[rule.condition.span.clone()].to_owned())
            }
        };
        Some(file.components.into_iter().map(item).collect())
    }

    fn outlined(text: &str) -> Option<Vec<(String, bool, String)>> {
        let item = |(_, item): (usize, Item<'_>)| match item {
            Item::Import => ("import".to_owned(), false, String::new()),
            Item::Include => ("include".to_owned(), false, String::new()),
            Item::Rule(rule) => (rule.name.to_owned(), rule.global, text[rule.condition].to_owned()),
        };
        Some(outline(text)?.into_iter().map(item).collect())
    }

    /// Asserts that the outline agrees with the parse, but for what surrounds a condition.
    fn agrees(text: &str) {
        let (Some(parsed), Some(outlined)) = (parsed(text), outlined(text)) else {
            panic!("no outline, or no parse: {text}")
        };
        assert_eq!(parsed.len(), outlined.len(), "{text}");
        for (parsed, outlined) in parsed.iter().zip(&outlined) {
            assert_eq!((&parsed.0, parsed.1), (&outlined.0, outlined.1));
            assert!(outlined.2.contains(&parsed.2), "{:?} is not in {:?}", parsed.2, outlined.2);
        }
    }

    #[test]
    fn the_outline_agrees_with_the_parse() {
        for text in [
            "",
            "// rule a {\n/* rule b { */ import \"pe\"\ninclude \"other.yar\"",
            "global private rule a : one two { condition: true } rule b { condition : a }",
            "private /* } */ global // {\n rule /* why */ a // }\n{ condition /* : */ : /* ( */ true }",
            r#"rule a { meta: t = "} \" { // /*" n = -1 strings: $condition = "condition: }" condition: $condition }"#,
            r#"rule a { strings: $a = { 41 [2-4] ( 42 | 43 ) // }
                44 /* { */ } $b = /[^\/}"]{2,3}\// nocase condition: any of them }"#,
            r#"import "pe" rule a { condition: filesize \ 2 > 1 and pe.rich_signature.version(1) == 1
                and for any s in ("}", "/*") : (s matches /^\/\/.*}$/is) }"#,
        ] {
            agrees(text);
        }
    }

    #[test]
    fn a_text_that_is_cut_has_no_outline() {
        for text in [
            "rule a { condition: true",
            "rule a { condition: \"x }",
            "rule a { condition: /x }",
            "rule a { /* condition: true }",
            "rule a { condition: true } }",
            "rule a { meta: a = 1 }",
            "import pe",
            "rules a { condition: true }",
            "rule a { condition: \"\\",
        ] {
            assert_eq!(outline(text), None, "{text}");
        }
    }

    #[test]
    fn the_outline_of_every_real_rule_agrees_with_its_parse() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let data = std::env::var_os("BOOSTER_TEST_DATA")
            .map_or_else(|| workspace.join("../shared/data"), PathBuf::from);
        let Ok(archive) = File::open(data.join("signature-base-history.tar.zst")) else {
            eprintln!("skipped: the real rules are not there (set BOOSTER_TEST_DATA)");
            return;
        };
        let mut texts = BTreeSet::new();
        for entry in tar::Archive::new(zstd::Decoder::new(archive).unwrap()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            if entry.path().unwrap().extension().is_some_and(|extension| extension == "yar")
                && entry.read_to_string(&mut text).is_ok()
                && boreal_parser::parse(&text).is_ok()
            {
                texts.insert(text);
            }
        }
        assert!(texts.len() > 500, "{} files", texts.len());
        texts.iter().for_each(|text| agrees(text));
    }
}
