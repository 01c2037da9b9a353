//! Download: small targets into memory.

use crate::{Cause, context::Context};
use booster_sources::{Source, download};
use booster_trust::{VerifiedTarget, WrongTarget};
use std::io;

/// Fetches a small target; its length and digests are as signed, or this fails.
pub(crate) async fn fetch(
    context: &Context<'_>,
    source: &dyn Source,
    target: &VerifiedTarget,
    sink: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
) -> Result<(), Cause> {
    let mut verifier = target.verifier();
    let mut wrong = None;
    let received = download(
        source,
        target.location(),
        target.length(),
        &context.request.options.transfer,
        context.cancel,
        &mut |chunk| {
            if let Err(error) = verifier.update(chunk) {
                wrong = Some(error);
                return Err(io::Error::other("not the signed file"));
            }
            sink(chunk)
        },
    )
    .await;
    let is_wrong = |wrong: WrongTarget| Cause::WrongTarget { target: target.path().to_owned(), wrong };
    if let Some(wrong) = wrong {
        return Err(is_wrong(wrong));
    }
    received?;
    verifier.finish().map_err(is_wrong)
}
