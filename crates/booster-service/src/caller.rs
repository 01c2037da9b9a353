//! Who calls, as the system tells it, and what that one may do.
//!
//! Nothing that a caller says of itself is looked at. Everybody may read the status and start an update from a
//! configured source; what changes more than that is for administrators: root, the service's own user, and the
//! members of a group that is configured.

use booster_sources::SourceKind;
use std::fmt;

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The user.
    pub uid: u32,
    /// The user's main group, in this process.
    pub gid: u32,
    /// The process, where the system tells it.
    pub pid: Option<i32>,
}

/// Who is an administrator.
#[derive(Debug, Clone, Default)]
pub struct Administrators {
    /// The group whose members are, beside root and the service's own user.
    pub group: Option<String>,
}

/// What a caller asked for and may not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is for administrators: root{}, and not for user {uid}", or_members(.group.as_deref()))]
pub struct NotAllowed {
    /// What was asked for.
    pub what: &'static str,
    uid: u32,
    group: Option<String>,
}

fn or_members(group: Option<&str>) -> String {
    group.map(|group| format!(" and the members of the group {group}")).unwrap_or_default()
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {}", self.uid)
    }
}

impl Administrators {
    /// Whether the caller is one.
    pub fn include(&self, caller: &Caller) -> bool {
        caller.uid == 0
            || caller.uid == nix::unistd::geteuid().as_raw()
            || self.group.as_deref().is_some_and(|group| is_member(caller, group))
    }

    /// Lets only administrators pass.
    ///
    /// # Errors
    /// The caller is none.
    pub fn require(&self, caller: &Caller, what: &'static str) -> Result<(), NotAllowed> {
        if self.include(caller) {
            return Ok(());
        }
        Err(NotAllowed { what, uid: caller.uid, group: self.group.clone() })
    }
}

/// Whether the system's user database has the caller in the group. A database that cannot be asked has nobody.
fn is_member(caller: &Caller, group: &str) -> bool {
    use nix::unistd::{Group, Uid, User, getgrouplist};
    let Ok(Some(group)) = Group::from_name(group) else { return false };
    if group.gid.as_raw() == caller.gid {
        return true;
    }
    let Ok(Some(user)) = User::from_uid(Uid::from_raw(caller.uid)) else { return false };
    let Ok(name) = std::ffi::CString::new(user.name) else { return false };
    getgrouplist(&name, user.gid).is_ok_and(|groups| groups.contains(&group.gid))
}

/// Whether cancelling an update from this kind of source needs an administrator, as the documentation of
/// `MPSIGUPDATE_TYPE` says: system-wide sources do, a package that one caller fetches over HTTP or from a
/// share does not.
pub const fn cancelling_needs_administrator(source: Option<SourceKind>) -> bool {
    matches!(source, Some(SourceKind::Managed | SourceKind::Unmanaged))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(uid: u32, gid: u32) -> Caller {
        Caller { uid, gid, pid: None }
    }

    #[test]
    fn root_the_service_itself_and_the_group_are_administrators_and_nobody_else() {
        let own = nix::unistd::geteuid().as_raw();
        // Every system has a group 0, and a user nobody who is not in it.
        let name = nix::unistd::Group::from_gid(0.into()).unwrap().unwrap().name;
        let none = Administrators::default();
        let group = Administrators { group: Some(name) };
        let unknown = Administrators { group: Some("no-such-group-here".into()) };
        for (administrators, caller, expected) in [
            (&none, caller(0, 0), true),
            (&none, caller(own, 5), true),
            (&none, caller(65534, 65534), false),
            (&group, caller(65534, 0), true),
            (&group, caller(65534, 65534), false),
            (&group, caller(4_000_000, 4_000_000), false),
            (&unknown, caller(65534, 0), false),
        ] {
            assert_eq!(administrators.include(&caller), expected, "{administrators:?} {caller:?}");
        }
        let refused = group.require(&caller(65534, 65534), "going back").unwrap_err();
        let group = group.group.unwrap();
        assert_eq!(
            refused.to_string(),
            format!(
                "going back is for administrators: root and the members of the group {group}, and not for user 65534"
            )
        );
    }

    #[test]
    fn only_system_wide_sources_want_an_administrator_to_cancel() {
        for (source, expected) in [
            (None, false),
            (Some(SourceKind::Http), false),
            (Some(SourceKind::Unc), false),
            (Some(SourceKind::Directory), false),
            (Some(SourceKind::Managed), true),
            (Some(SourceKind::Unmanaged), true),
        ] {
            assert_eq!(cancelling_needs_administrator(source), expected, "{source:?}");
        }
    }
}
