//! The commands, one file each: what they take, and what they do with it.

pub mod allow;
pub mod completions;
pub mod config;
pub mod engine_worker;
pub mod fleet;
pub mod history;
pub mod man;
pub mod mirror;
pub mod pause;
pub mod pin;
pub mod publish;
pub mod quickstart;
pub mod repository;
pub mod rollback;
pub mod scan;
pub mod serve;
pub mod service;
pub mod status;
pub mod trial;
pub mod update;
pub mod verify;
pub mod watch;
