//! A worker process and nothing else: what the tests start. The product's is `booster engine-worker`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    booster_engine::worker_main()
}
