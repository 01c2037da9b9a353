//! Referrals: where a distributed file system (DFS) really keeps a folder. MS-DFSC, sections 2.2.2 and 2.2.4.

use crate::UncPath;
use smb2::{
    Error, Result, Tree,
    client::Connection,
    msg::{
        dfs::{ReqGetDfsReferral, RespGetDfsReferral},
        ioctl::{FSCTL_DFS_GET_REFERRALS, IoctlRequest, IoctlResponse, SMB2_0_IOCTL_IS_FSCTL},
    },
    pack::{Pack as _, ReadCursor, Unpack as _, WriteCursor},
    types::{Command, FileId, status::NtStatus},
};

/// The highest version of referrals.
const VERSION: u16 = 4;
/// The most that an answer may hold.
const MAX_ANSWER: u32 = 64 * 1024;

/// Whether a server says that a path is kept elsewhere.
pub(crate) fn is_elsewhere(error: &Error) -> bool {
    matches!(error, Error::DfsReferralRequired { .. }) || error.status() == Some(NtStatus::PATH_NOT_COVERED)
}

/// Asks where a folder is. What cannot be a share is left out.
pub(crate) async fn places(connection: &mut Connection, unc: &UncPath) -> Result<Vec<UncPath>> {
    let asked = &unc.to_string()[1..];
    let answer = ask(connection, asked).await?;
    // So much of the path is what the referral stands for; the rest is below the new place.
    let consumed = usize::from(answer.path_consumed) / 2;
    let parts_before = consumed_parts(asked, consumed);
    let below_share = parts_before.saturating_sub(2).min(unc.parts().len());
    let rest = &unc.parts()[below_share..];
    let targets = answer.entries.iter().filter_map(|entry| entry.target_address());
    Ok(targets.filter_map(|target| UncPath::at(target, rest).ok()).collect())
}

/// How many parts of a path lie within its first code units.
fn consumed_parts(path: &str, units: usize) -> usize {
    let consumed: Vec<u16> = path.encode_utf16().take(units).collect();
    String::from_utf16_lossy(&consumed).split('\\').filter(|part| !part.is_empty()).count()
}

async fn ask(connection: &mut Connection, path: &str) -> Result<RespGetDfsReferral> {
    let tree = Tree::connect(connection, "IPC$").await?;
    let mut input = WriteCursor::new();
    ReqGetDfsReferral { max_referral_level: VERSION, request_file_name: path.to_owned() }.pack(&mut input);
    let request = IoctlRequest {
        ctl_code: FSCTL_DFS_GET_REFERRALS,
        file_id: FileId::SENTINEL,
        max_input_response: 0,
        max_output_response: MAX_ANSWER,
        flags: SMB2_0_IOCTL_IS_FSCTL,
        input_data: input.into_inner(),
    };
    let frame = connection.execute(Command::Ioctl, &request, Some(tree.tree_id)).await?;
    if frame.header.status != NtStatus::SUCCESS {
        return Err(Error::Protocol { status: frame.header.status, command: Command::Ioctl });
    }
    let answer = IoctlResponse::unpack(&mut ReadCursor::new(&frame.body))?;
    RespGetDfsReferral::unpack(&mut ReadCursor::new(&answer.output_data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_referral_stands_for_is_counted_in_parts() {
        let path = r"\files\root\link\deep";
        for (units, parts) in [(0, 0), (r"\files\root".len(), 2), (r"\files\root\link".len(), 3), (99, 4)] {
            assert_eq!(consumed_parts(path, units), parts, "{units}");
        }
    }
}
