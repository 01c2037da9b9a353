//! `booster pin` and `booster unpin`: how far components may go.

use crate::{
    context::Context,
    exit::{CommandResult, Exit, Usage},
    text,
};
use booster_definitions::{Component, Version};
use booster_store::{Decisions, Pin, PinLimit, Store};
use clap::Args;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use std::str::FromStr;

/// Keep definitions at a version, or at what was published until a date
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster pin 1.419.25.0 --reason 'certified for the plant'
  booster pin 2026-11-01                       nothing that was published after that day (UTC)
  booster pin 2026-11-01T12:00:00Z
  booster pin 2.0.0.0 --component nis
  booster unpin

The next `booster update` installs the newest release within the pin, also where that is older than the
installed one, as long as the source still offers it. `booster status` shows pins and their reasons.")]
pub struct PinArgs {
    /// The highest version to install, or the last day or moment of publication
    #[arg(value_name = "VERSION|DATE")]
    limit: Limit,
    /// Pin this component only; may be repeated [default: all configured]
    #[arg(long, value_name = "COMPONENT")]
    component: Vec<Component>,
    /// Why, for whoever looks at the status
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Let components go on to the newest release again
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster unpin
  booster unpin --component nis")]
pub struct UnpinArgs {
    /// Unpin this component only; may be repeated [default: all]
    #[arg(long, value_name = "COMPONENT")]
    component: Vec<Component>,
}

/// A version or a date, as people write it.
#[derive(Debug, Clone, Copy)]
struct Limit(PinLimit);

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(version) = text.parse::<Version>() {
            return Ok(Self(PinLimit::Version(version)));
        }
        if let Ok(moment) = text.parse::<Timestamp>() {
            return Ok(Self(PinLimit::Date(moment)));
        }
        // The whole day, to its last second.
        let end = |day: Date| day.at(23, 59, 59, 0).to_zoned(TimeZone::UTC).ok();
        let day = text.parse::<Date>().ok().and_then(end);
        day.map(|end| Self(PinLimit::Date(end.timestamp()))).ok_or_else(|| {
            "neither a version such as 1.419.25.0 nor a date such as 2026-11-01 or 2026-11-01T12:00:00Z"
                .into()
        })
    }
}

/// Pins.
pub fn pin(args: &PinArgs, context: &Context) -> CommandResult {
    let settings = context.settings()?.settings;
    let store = settings.store();
    let components =
        if args.component.is_empty() { settings.components.clone() } else { args.component.clone() };
    let installed = store.current()?.map_or(0, |current| current.record().components.len());
    if matches!(args.limit.0, PinLimit::Version(_)) && args.component.is_empty() && installed > 1 {
        let advice = "several components are installed, each with versions of its own: name one with --component, or pin a date";
        return Err(Usage(advice.to_owned()).into());
    }
    let pin = Pin { limit: args.limit.0, since: Timestamp::now(), reason: args.reason.clone() };
    change(&store, "pinning", |decisions| {
        decisions.pins.extend(components.iter().map(|component| (*component, pin.clone())));
    })?;
    for component in components {
        context.output.line(format!("{component}: {}", text::pin(&pin)));
    }
    Ok(Exit::Success)
}

/// Unpins.
pub fn unpin(args: &UnpinArgs, context: &Context) -> CommandResult {
    let store = context.settings()?.settings.store();
    let wanted = |component: &Component| args.component.is_empty() || args.component.contains(component);
    let mut lifted = Vec::new();
    change(&store, "unpinning", |decisions| {
        decisions.pins.retain(|component, _| {
            if wanted(component) {
                lifted.push(*component);
            }
            !wanted(component)
        });
    })?;
    if lifted.is_empty() {
        context.output.message("Nothing was pinned.");
    }
    for component in lifted {
        context
            .output
            .line(format!("{component}: no longer pinned; `booster update` goes to the newest release"));
    }
    Ok(Exit::Success)
}

/// Changes what was decided, under the data folder's lock.
pub(super) fn change(
    store: &Store,
    what: &str,
    change: impl FnOnce(&mut Decisions),
) -> Result<(), booster_store::StoreError> {
    let operation = store.begin(what)?;
    let mut decisions = store.decisions()?;
    change(&mut decisions);
    operation.decide(&decisions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_version_a_day_or_a_moment() {
        let date = |text: &str| PinLimit::Date(text.parse().unwrap());
        for (text, limit) in [
            ("1.2.3.4", PinLimit::Version(Version([1, 2, 3, 4]))),
            ("2026-11-01", date("2026-11-01T23:59:59Z")),
            ("2026-11-01T12:00:00Z", date("2026-11-01T12:00:00Z")),
            ("2026-11-01T12:00:00+02:00", date("2026-11-01T10:00:00Z")),
        ] {
            assert_eq!(text.parse::<Limit>().unwrap().0, limit, "{text}");
        }
        for text in ["", "1.2.3", "yesterday", "2026-13-01"] {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
    }
}
