//! The publisher's side: build, sign, roll out and serve releases.
#![forbid(unsafe_code)]

pub mod serve;
