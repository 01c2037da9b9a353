//! What happened, as people read it: from values to lines, with no decision beside the wording.

pub mod bars;
pub mod engines;
pub mod event;
pub mod fleet;
pub mod guard;
pub mod history;
pub mod publication;
pub mod report;
pub mod repository;
pub mod scan;
pub mod service;
pub mod status;
pub mod verification;
