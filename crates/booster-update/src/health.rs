//! The health command: whether the machine is well with the definitions that it has just switched to.
//!
//! It is a program of the administrator's, run without a shell, that ends with 0 where all is well.

use crate::context::Context;
use booster_engine::{CommandError, CommandLine};
use booster_store::Installed;
use std::ffi::OsStr;

/// Asks the command about what is current. It finds `BOOSTER_DATA_DIR` and `BOOSTER_GENERATION` in its
/// environment. Dropped, it is killed.
pub(crate) async fn ask(
    command: &CommandLine,
    context: &Context<'_>,
    installed: &Installed,
) -> Result<(), CommandError> {
    let not_run = |source| CommandError::NotRun { program: command.program.clone(), source };
    let data = std::path::absolute(context.store.data_dir()).map_err(not_run)?;
    let number = installed.record().number.to_string();
    command.run(&[("BOOSTER_DATA_DIR", data.as_os_str()), ("BOOSTER_GENERATION", OsStr::new(&number))]).await
}
