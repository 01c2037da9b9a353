//! Who calls, as the system tells it, and what that one may do.
//!
//! Nothing that a caller says of itself is looked at. Everybody may read the status and start an update from a
//! configured source; what changes more than that is for administrators: root, the service's own user, and the
//! members of a group that is configured.

use booster_sources::SourceKind;
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

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

/// Asks the system's user database whether a caller is in a group; nothing where it cannot be asked.
type Ask = dyn Fn(&Caller, &str) -> Option<bool> + Send + Sync;

/// Who is an administrator: root, the service's own user, and the members of a group, where one is named.
///
/// The user database may be on another machine. It is asked on a thread of its own, one question at a time, and
/// once for each user: what it said holds until this is made anew, which is when the settings are read again.
#[derive(Clone)]
pub struct Administrators {
    group: Option<String>,
    known: Arc<Mutex<HashMap<(u32, u32), bool>>>,
    asking: Arc<tokio::sync::Mutex<()>>,
    ask: Arc<Ask>,
}

impl fmt::Debug for Administrators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Administrators").field("group", &self.group).finish_non_exhaustive()
    }
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
    /// Root, the service's own user, and the members of a group.
    pub fn new(group: Option<String>) -> Self {
        Self { group, known: Arc::default(), asking: Arc::default(), ask: Arc::new(is_member) }
    }

    /// Whether the caller is one, as far as that is known without asking.
    pub fn known(&self, caller: &Caller) -> Option<bool> {
        if caller.uid == 0 || caller.uid == nix::unistd::geteuid().as_raw() {
            return Some(true);
        }
        if self.group.is_none() {
            return Some(false);
        }
        self.answers().get(&(caller.uid, caller.gid)).copied()
    }

    /// Whether the caller is one.
    pub async fn include(&self, caller: &Caller) -> bool {
        if let Some(known) = self.known(caller) {
            return known;
        }
        let _turn = self.asking.lock().await;
        // Somebody may have asked meanwhile.
        if let Some(known) = self.known(caller) {
            return known;
        }
        let (caller, ask, group) = (*caller, Arc::clone(&self.ask), self.group.clone().unwrap_or_default());
        let answer = tokio::task::spawn_blocking(move || ask(&caller, &group)).await;
        // A database that cannot be asked has nobody, and is asked again.
        let Ok(Some(member)) = answer else { return false };
        self.answers().insert((caller.uid, caller.gid), member);
        member
    }

    /// Lets only administrators pass.
    ///
    /// # Errors
    /// The caller is none.
    pub async fn require(&self, caller: &Caller, what: &'static str) -> Result<(), NotAllowed> {
        if self.include(caller).await {
            return Ok(());
        }
        Err(NotAllowed { what, uid: caller.uid, group: self.group.clone() })
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<(u32, u32), bool>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the system's user database has the caller in the group.
fn is_member(caller: &Caller, group: &str) -> Option<bool> {
    use nix::unistd::{Group, Uid, User, getgrouplist};
    let Some(group) = Group::from_name(group).ok()? else { return Some(false) };
    if group.gid.as_raw() == caller.gid {
        return Some(true);
    }
    let Some(user) = User::from_uid(Uid::from_raw(caller.uid)).ok()? else { return Some(false) };
    let name = std::ffi::CString::new(user.name).ok()?;
    Some(getgrouplist(&name, user.gid).ok()?.contains(&group.gid))
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

    #[tokio::test]
    async fn root_the_service_itself_and_the_group_are_administrators_and_nobody_else() {
        let own = nix::unistd::geteuid().as_raw();
        // Every system has a group 0, and a user nobody who is not in it.
        let name = nix::unistd::Group::from_gid(0.into()).unwrap().unwrap().name;
        let none = Administrators::new(None);
        let group = Administrators::new(Some(name.clone()));
        let unknown = Administrators::new(Some("no-such-group-here".into()));
        for (administrators, caller, expected) in [
            (&none, caller(0, 0), true),
            (&none, caller(own, 5), true),
            (&none, caller(65534, 65534), false),
            (&group, caller(65534, 0), true),
            (&group, caller(65534, 65534), false),
            (&group, caller(4_000_000, 4_000_000), false),
            (&unknown, caller(65534, 0), false),
        ] {
            let included = administrators.include(&caller).await;
            assert_eq!(included, expected, "{administrators:?} {caller:?}");
        }
        let refused = group.require(&caller(65534, 65534), "going back").await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "going back is for administrators: root and the members of the group {name}, and not for user 65534"
            )
        );
    }

    #[tokio::test]
    async fn the_user_database_is_asked_beside_the_thread_of_all_callers_and_once_for_each_of_them() {
        use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
        let (answer, question) = std::sync::mpsc::channel();
        let question = Mutex::new(question);
        let asked = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&asked);
        let ask = move |_: &Caller, _: &str| {
            counted.fetch_add(1, SeqCst);
            question.lock().unwrap().recv().unwrap()
        };
        let slow = Administrators { ask: Arc::new(ask), ..Administrators::new(Some("staff".into())) };
        let member = caller(60_001, 60_001);
        assert_eq!(slow.known(&member), None);
        // The answer comes from this thread, which a question on it would hold for ever.
        let (first, second, ()) = tokio::join!(slow.include(&member), slow.include(&member), async {
            answer.send(Some(true)).unwrap();
        });
        assert!(first && second);
        assert_eq!((slow.known(&member), asked.load(SeqCst)), (Some(true), 1));
        // Who cannot be asked has said nothing.
        answer.send(None).unwrap();
        let other = caller(60_002, 60_002);
        assert!(!slow.include(&other).await);
        assert_eq!((slow.known(&other), asked.load(SeqCst)), (None, 2));
        let anew = Administrators::new(Some("staff".into()));
        assert_eq!(anew.known(&member), None);
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
