//! Standard output and standard error.
//!
//! A reader that goes away (`booster status | head -1`) ends the output and nothing else: what a
//! command does, and its exit code, do not depend on who listens.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;

/// Whether something may be coloured, moved and redrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Standard output is a terminal.
    pub stdout: bool,
    /// Standard error is a terminal.
    pub stderr: bool,
    /// Colours are welcome where there is a terminal.
    pub colour: bool,
}

impl Terminal {
    /// What this process writes to.
    pub fn of_process() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        Self {
            stdout: io::stdout().is_terminal(),
            stderr: io::stderr().is_terminal(),
            // See no-color.org.
            colour: !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
        }
    }
}

/// Where data and messages go.
pub struct Output {
    terminal: Terminal,
    data: Mutex<Sink>,
}

struct Sink {
    stream: Box<dyn Write + Send>,
    /// The first failure that is not just a reader who left.
    failure: Option<io::Error>,
    closed: bool,
}

impl Output {
    /// The process's own streams.
    pub fn of_process() -> Self {
        Self::new(Terminal::of_process(), Box::new(io::stdout()))
    }

    fn new(terminal: Terminal, stream: Box<dyn Write + Send>) -> Self {
        Self { terminal, data: Mutex::new(Sink { stream, failure: None, closed: false }) }
    }

    /// What the streams are.
    pub const fn terminal(&self) -> Terminal {
        self.terminal
    }

    /// One line of data.
    pub fn line(&self, line: impl AsRef<str>) {
        self.data(format!("{}\n", line.as_ref()).as_bytes());
    }

    /// One value as a line of JSON.
    pub fn json(&self, value: &impl serde::Serialize) {
        match serde_json::to_string(value) {
            Ok(text) => self.line(text),
            Err(error) => self.fail(io::Error::other(error)),
        }
    }

    /// One value as readable JSON.
    pub fn pretty_json(&self, value: &impl serde::Serialize) {
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.line(text),
            Err(error) => self.fail(io::Error::other(error)),
        }
    }

    /// Bytes of data, as they are.
    pub fn data(&self, bytes: &[u8]) {
        let mut sink = self.sink();
        if sink.closed {
            return;
        }
        match sink.stream.write_all(bytes).and_then(|()| sink.stream.flush()) {
            Ok(()) => {}
            Err(error) => {
                sink.closed = true;
                if error.kind() != io::ErrorKind::BrokenPipe {
                    sink.failure = Some(error);
                }
            }
        }
    }

    /// One message to a person. Nobody to read it is no reason to stop.
    pub fn message(&self, line: impl AsRef<str>) {
        let _ = writeln!(io::stderr().lock(), "{}", line.as_ref());
    }

    /// Whether the data could be written, as far as there was a reader.
    pub fn finish(&self) -> io::Result<()> {
        self.sink().failure.take().map_or(Ok(()), Err)
    }

    fn fail(&self, error: io::Error) {
        self.sink().failure = Some(error);
    }

    fn sink(&self) -> std::sync::MutexGuard<'_, Sink> {
        self.data.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Styles for standard output.
    pub const fn style(&self) -> Style {
        Style { on: self.terminal.stdout && self.terminal.colour }
    }

    /// Styles for standard error.
    pub const fn message_style(&self) -> Style {
        Style { on: self.terminal.stderr && self.terminal.colour }
    }
}

/// Colours, where they are welcome.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    on: bool,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// What went well.
    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// What needs a look.
    pub fn attention(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// What is wrong.
    pub fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// What leads the eye.
    pub fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What may be skipped.
    pub fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fails(io::ErrorKind);
    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn output(kind: io::ErrorKind) -> Output {
        Output::new(Terminal { stdout: false, stderr: false, colour: false }, Box::new(Fails(kind)))
    }

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        for (stdout, colour, expected) in
            [(true, true, "\u{1b}[32mok\u{1b}[0m"), (true, false, "ok"), (false, true, "ok")]
        {
            let terminal = Terminal { stdout, stderr: false, colour };
            let output = Output::new(terminal, Box::new(io::sink()));
            assert_eq!(output.style().good("ok"), expected);
            assert_eq!(output.message_style().good("ok"), "ok");
        }
    }

    #[test]
    fn a_reader_who_left_is_no_failure_and_a_full_disk_is() {
        let output_to_nobody = output(io::ErrorKind::BrokenPipe);
        output_to_nobody.line("x");
        assert!(output_to_nobody.finish().is_ok());
        let output_to_full_disk = output(io::ErrorKind::StorageFull);
        output_to_full_disk.line("x");
        assert!(output_to_full_disk.finish().is_err());
    }
}
