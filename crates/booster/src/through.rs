//! Whether a command does its work itself or has the antimalware service do it.

use crate::context::Context;
use booster_config::{Settings, UseService};
use booster_service::client::{Choice, Client, ClientError};
use clap::Args;

/// Flags that cover the setting `use` under `[service]`.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Through {
    /// Have the antimalware service do it; it is an error where none answers
    #[arg(long, conflicts_with = "embedded")]
    pub service: bool,
    /// Do it in this process, on the data folder itself
    #[arg(long)]
    pub embedded: bool,
}

impl Through {
    fn choice(self, settings: &Settings) -> UseService {
        match (self.service, self.embedded) {
            (true, _) => UseService::Always,
            (_, true) => UseService::Never,
            _ => settings.service.using,
        }
    }

    /// A connection to the service, where it is to be used.
    pub async fn connect(
        self,
        settings: &Settings,
        context: &Context,
    ) -> Result<Option<Client>, ClientError> {
        match Client::choose(self.choice(settings), settings).await? {
            Choice::Service(client) => {
                tracing::info!(socket = %client.socket().display(), "the service does it");
                Ok(Some(client))
            }
            Choice::Embedded(unusable) => {
                if let Some(error) = unusable {
                    let style = context.output.message_style();
                    context.output.message(format!("{} {error}", style.attention("warning:")));
                }
                Ok(None)
            }
        }
    }
}
