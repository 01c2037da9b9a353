//! What follows from a fault: a pure decision.

use booster_wsus::{ErrorCode, Fault};

/// What a client does about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reaction {
    /// The server's ids are void: forget all that is known of it, and begin the scan anew.
    StartOver,
    /// Ask for the configuration and a cookie again, then repeat the call.
    Reconfigure,
    /// Get another cookie for the one that is over, then repeat the call.
    RenewCookie,
    /// Get another authorization and a cookie for it, once, then repeat the call.
    Authorize,
    /// Ask for the addresses of files again, and repeat the call.
    Locate,
    /// Register, then repeat the call.
    Register,
    /// Wait, then repeat the call.
    Wait,
    /// There is nothing to be done.
    GiveUp,
}

/// The reaction to a fault.
pub(super) fn to(fault: &Fault) -> Reaction {
    match &fault.code {
        Some(ErrorCode::InvalidCookie | ErrorCode::ServerChanged) => Reaction::StartOver,
        Some(ErrorCode::ConfigChanged) => Reaction::Reconfigure,
        Some(ErrorCode::CookieExpired) => Reaction::RenewCookie,
        Some(ErrorCode::InvalidAuthorizationCookie) => Reaction::Authorize,
        Some(ErrorCode::FileLocationChanged) => Reaction::Locate,
        Some(ErrorCode::RegistrationRequired) => Reaction::Register,
        // A fault without a code is a server's failure.
        Some(ErrorCode::InternalServerError | ErrorCode::ServerBusy) | None => Reaction::Wait,
        // Repeated unchanged, these would fail again.
        Some(ErrorCode::InvalidParameters | ErrorCode::RegistrationNotRequired | ErrorCode::Other(_)) => {
            Reaction::GiveUp
        }
    }
}
