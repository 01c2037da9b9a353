//! Builds images, and tries them, in a short-lived child process.
//!
//! Definitions come from outside, and compiling them is the most that they can do to a machine. So a
//! child does it: it has limits on time, memory and files, no environment, and dies with its parent.
//! Whatever becomes of it, the parent gets a report or a typed error.

mod child;
#[cfg(unix)]
mod limits;
mod protocol;

pub use child::worker_main;

use crate::{BuildError, BuildOptions, BuildReport, BuildRequest, IoKind, TrialReport, TrialRequest};
use protocol::{MAX_REPORT, MAX_STDERR, Request, Response, Work};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    borrow::Cow, ffi::OsString, io, path::PathBuf, process::ExitStatus, process::Stdio, time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
};
use tokio_util::sync::CancellationToken;

/// What a child may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerLimits {
    /// Time on the clock, watched by the parent.
    pub wall_time: Duration,
    /// Time on processors, in whole seconds.
    pub cpu_time: Duration,
    /// Bytes of address space.
    pub memory_bytes: u64,
    /// Files open at the same time.
    pub open_files: u64,
    /// Bytes of one file that it writes.
    pub file_bytes: u64,
}

impl Default for WorkerLimits {
    /// Ten minutes, five minutes of processor time, 2 GiB of memory, 64 files, 8 GiB a file: some fifty
    /// times what a large set needs.
    fn default() -> Self {
        Self {
            wall_time: Duration::from_secs(600),
            cpu_time: Duration::from_secs(300),
            memory_bytes: 2 << 30,
            open_files: 64,
            file_bytes: 8 << 30,
        }
    }
}

/// How to start a child that builds and tries: a program that calls [`worker_main`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// What it may use.
    pub limits: WorkerLimits,
}

/// Why a child built nothing, or could not try it.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// It said why.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// It could not be started.
    #[error("cannot start the engine's worker {program}: {source}")]
    Start {
        /// The program.
        program: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// It ended without a report.
    #[error("the engine's worker crashed ({status}): {stderr}")]
    Crashed {
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
    /// It used more memory than it may, or the machine had none left.
    #[error("the engine's worker ran out of memory (limit {limit} bytes)")]
    OutOfMemory {
        /// The limit in bytes.
        limit: u64,
    },
    /// It wrote a file longer than it may.
    #[error("the engine's worker wrote a file longer than the limit of {limit} bytes")]
    FileTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// It took longer than it may.
    #[error("the engine's worker took longer than the limit of {} s and was killed", limit.as_secs_f64())]
    TimedOut {
        /// The limit that was passed: time on the clock or on processors.
        limit: Duration,
    },
    /// Its report cannot be understood.
    #[error("the engine's worker did not report as it should: {reason}: {stderr}")]
    Garbage {
        /// What is wrong with the report.
        reason: String,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
    /// The caller cancelled. The child is gone.
    #[error("cancelled")]
    Cancelled,
    /// Talking to it failed.
    #[error("cannot talk to the engine's worker: {0}")]
    Io(#[source] io::Error),
}

impl Worker {
    /// A worker with the default limits.
    pub fn new(program: impl Into<PathBuf>, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        Self { program: program.into(), args, limits: WorkerLimits::default() }
    }

    /// Builds an image in a child; see [`crate::build`] for what is built.
    ///
    /// However this ends, also when it is dropped, the child is killed, and reaped before it returns. The image
    /// must be thrown away unless the answer is `Ok`. On Linux the child dies with the thread that polls this
    /// first: that thread must not end earlier.
    pub async fn build(
        &self,
        request: &BuildRequest,
        options: &BuildOptions,
        cancel: &CancellationToken,
    ) -> Result<BuildReport, WorkerError> {
        self.run(Work::Build { options: *options, request: Cow::Borrowed(request) }, cancel).await
    }

    /// Opens a built image in a child and tries it on files of the machine; see [`crate::trial()`]. The child
    /// has the limits of one that builds, and what [`Worker::build`] says of its end holds here as well.
    pub async fn trial(
        &self,
        request: &TrialRequest,
        cancel: &CancellationToken,
    ) -> Result<TrialReport, WorkerError> {
        self.run(Work::Trial { request: Cow::Borrowed(request) }, cancel).await
    }

    async fn run<T: Serialize + DeserializeOwned>(
        &self,
        work: Work<'_>,
        cancel: &CancellationToken,
    ) -> Result<T, WorkerError> {
        if cancel.is_cancelled() {
            return Err(WorkerError::Cancelled);
        }
        let request = Request::new(work, &self.limits);
        let mut child = self.start()?;
        let ended = {
            let talk = talk(&mut child, &request);
            tokio::pin!(talk);
            tokio::select! {
                ended = &mut talk => ended.map_err(WorkerError::Io),
                () = cancel.cancelled() => Err(WorkerError::Cancelled),
                () = tokio::time::sleep(self.limits.wall_time) => {
                    Err(WorkerError::TimedOut { limit: self.limits.wall_time })
                }
            }
        };
        if ended.is_err() {
            // Killed and reaped; an error means that it is gone already.
            _ = child.kill().await;
        }
        self.judge(ended?)
    }

    fn start(&self) -> Result<Child, WorkerError> {
        let mut command = Command::new(&self.program);
        command.args(&self.args).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Secrets in the environment, such as a publisher's keys, are none of its business.
        #[cfg(unix)]
        command.env_clear();
        command.spawn().map_err(|source| WorkerError::Start { program: self.program.clone(), source })
    }

    /// What a child's end means.
    fn judge<T: Serialize + DeserializeOwned>(&self, ended: Ended) -> Result<T, WorkerError> {
        let Ended { status, stdout, stderr } = ended;
        if status.success() {
            let reason = match Response::decode(&stdout) {
                Ok(response) => return response.into_result().map_err(|error| self.build_error(error)),
                Err(reason) => reason,
            };
            return Err(WorkerError::Garbage { reason, stderr });
        }
        Err(match self.cause_of_death(status, &stderr) {
            Some(limit) => limit,
            None => WorkerError::Crashed { status, stderr },
        })
    }

    /// A child that finds no memory may live long enough to say so.
    fn build_error(&self, error: BuildError) -> WorkerError {
        match error {
            BuildError::Io { cause: IoKind::OutOfMemory, .. } => {
                WorkerError::OutOfMemory { limit: self.limits.memory_bytes }
            }
            error => WorkerError::Build(error),
        }
    }

    /// The limit that a child died of, if it was one.
    #[cfg(unix)]
    fn cause_of_death(&self, status: ExitStatus, stderr: &str) -> Option<WorkerError> {
        use rustix::process::Signal;
        use std::os::unix::process::ExitStatusExt as _;
        // What Rust's allocator says before it aborts.
        let allocation_failed = stderr.contains("memory allocation of");
        match Signal::from_named_raw(status.signal()?)? {
            Signal::XCPU => Some(WorkerError::TimedOut { limit: self.limits.cpu_time }),
            Signal::XFSZ => Some(WorkerError::FileTooLarge { limit: self.limits.file_bytes }),
            // Not from us: the kernel kills so when the machine or the control group has no memory left.
            Signal::KILL => Some(WorkerError::OutOfMemory { limit: self.limits.memory_bytes }),
            Signal::ABORT if allocation_failed => {
                Some(WorkerError::OutOfMemory { limit: self.limits.memory_bytes })
            }
            _ => None,
        }
    }

    #[cfg(not(unix))]
    fn cause_of_death(&self, _: ExitStatus, _: &str) -> Option<WorkerError> {
        None
    }
}

/// A child that is gone, and what it left.
struct Ended {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: String,
}

/// Hands the request over and waits for the end. The child's standard input stays open until then: its
/// closing tells the child that the parent is gone.
async fn talk(child: &mut Child, request: &Request<'_>) -> io::Result<Ended> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let send = async {
        let mut stdin = stdin?;
        // A child that dies early breaks the pipe; its end says more than that.
        _ = stdin.write_all(&request.encode()).await;
        _ = stdin.flush().await;
        Some(stdin)
    };
    let (lifeline, stdout, stderr) =
        tokio::join!(send, keep_first(stdout, MAX_REPORT), keep_last(stderr, MAX_STDERR));
    let status = child.wait().await?;
    drop(lifeline);
    Ok(Ended { status, stdout: stdout?, stderr: String::from_utf8_lossy(&stderr?).trim().to_owned() })
}

/// Reads to the end and keeps one byte more than the limit of the start.
async fn keep_first(pipe: Option<impl AsyncRead + Unpin>, limit: usize) -> io::Result<Vec<u8>> {
    let (mut kept, mut chunk) = (Vec::new(), [0; 8192]);
    let Some(mut pipe) = pipe else { return Ok(kept) };
    loop {
        let read = pipe.read(&mut chunk).await?;
        if read == 0 {
            return Ok(kept);
        }
        let room = (limit + 1).saturating_sub(kept.len());
        kept.extend_from_slice(&chunk[..read.min(room)]);
    }
}

/// Reads to the end and keeps the last bytes.
async fn keep_last(pipe: Option<impl AsyncRead + Unpin>, limit: usize) -> io::Result<Vec<u8>> {
    let (mut kept, mut chunk) = (Vec::new(), [0; 8192]);
    let Some(mut pipe) = pipe else { return Ok(kept) };
    loop {
        let read = pipe.read(&mut chunk).await?;
        if read == 0 {
            return Ok(kept);
        }
        kept.extend_from_slice(&chunk[..read]);
        let surplus = kept.len().saturating_sub(limit);
        kept.drain(..surplus);
    }
}
