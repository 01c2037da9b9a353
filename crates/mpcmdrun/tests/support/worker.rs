//! The engine's worker, as the product has it: what the tests name in the setting `engine.worker`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    booster_engine::worker_main()
}
