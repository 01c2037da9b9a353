//! The antimalware service: one owner of the definitions, many callers.
#![forbid(unsafe_code)]

pub mod schedule;
