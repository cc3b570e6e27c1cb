//! The db: whether bbolt opens it, walks it, and etcd decodes what it reads before it serves.

use super::{Boot, Stopped};
use crate::bolt::{Db, NO_FREELIST, Pgid};
use crate::codes::{Code, backend, bolt, mvcc};
use located::{Finding, Severity};

impl Boot<'_> {
    pub(super) fn cannot_open(&self, error: &located::Error) -> Stopped {
        let text = match error {
            located::Error::Malformed { seen, .. } => {
                seen.split(" (").next().unwrap_or(seen).to_owned()
            }
            other => other.to_string(),
        };
        Stopped(format!(
            "panic: failed to open database {{\"error\": \"{text}\"}}"
        ))
    }

    /// bbolt walks every page when it opens a db whose free list is not stored: etcd's usual case.
    pub(super) fn pages(&mut self, db: &Db<'_>) -> Result<(), Stopped> {
        if let Some(short) = self.found(&bolt::FILE_SHORT) {
            return Err(Stopped(format!(
                "unexpected fault address (SIGBUS: {})",
                short.message
            )));
        }
        let walked: &[&'static Code] = if db.meta().freelist == NO_FREELIST {
            &[
                &bolt::PAGE_ID,
                &bolt::PAGE_TYPE,
                &bolt::PAGE_OUT_OF_RANGE,
                &bolt::KEY_ORDER,
                &bolt::KEY_RANGE,
                &bolt::PAGE_SHARED,
                &bolt::OVERFLOW,
                &bolt::TREE_DEPTH,
            ]
        } else {
            &[&bolt::PAGE_ID, &bolt::PAGE_TYPE, &bolt::PAGE_OUT_OF_RANGE]
        };
        let worst = self.report.findings.iter().find(|finding| {
            walked.iter().any(|code| std::ptr::eq(*code, finding.code))
                && finding.severity == Severity::Error
        });
        if let Some(finding) = worst {
            let page = finding.place.page.unwrap_or(0);
            let says = db.page(Pgid(page)).map(|found| found.header.id);
            return Err(Stopped(
                if let Some(says) = says.ok().filter(|says| says.0 != page) {
                    format!(
                        "panic: assertion failed: Page expected to be: {page}, but self identifies as {says}"
                    )
                } else if std::ptr::eq(finding.code, &bolt::PAGE_TYPE) {
                    format!("panic: assertion failed: page {page}: has unexpected type/flags")
                } else {
                    format!(
                        "panic: freepages: failed to get all reachable pages (page {page}: {})",
                        finding.message
                    )
                },
            ));
        }
        if let Some(finding) = self.found(&bolt::FOREIGN_BUCKET) {
            return Err(Stopped(format!(
                "panic: runtime error ({})",
                finding.message
            )));
        }
        // Gaps between elements do not stop bbolt; an element that reaches beyond its page does.
        let unreadable = |finding: &&Finding| {
            let page = finding.place.page.and_then(|page| db.page(Pgid(page)).ok());
            page.is_some_and(|page| page.items().any(|item| item.is_err()))
        };
        if let Some(finding) = self.found(&bolt::ELEMENT).filter(unreadable) {
            return Err(Stopped(format!(
                "panic or fault when the element is read ({})",
                finding.message
            )));
        }
        Ok(())
    }

    /// What is decoded before etcd serves.
    pub(super) fn buckets(&mut self) -> Result<(), Stopped> {
        let fatal: [(&'static Code, &str); 6] = [
            (
                &backend::META_LENGTH,
                "panic: index out of range in the meta bucket",
            ),
            (
                &backend::LEASE_SHAPE,
                "panic: failed to Unmarshal lease proto item",
            ),
            (
                &mvcc::VALUE_UNPARSABLE,
                "failed to unmarshal mvccpb.KeyValue",
            ),
            (
                &mvcc::KEY_SHAPE,
                "panic: invalid revision in the key bucket",
            ),
            (
                &backend::AUTH_UNREADABLE,
                "panic: failed to unmarshal 'authpb.User'",
            ),
            (
                &backend::MEMBER_KEY,
                "panic: failed to parse a member's key",
            ),
        ];
        for (code, message) in fatal {
            // 3.5 takes the members from the .snap.
            let harmless = std::ptr::eq(code, &backend::MEMBER_KEY) && self.release.minor < 6;
            // 3.5 does not look at the length of a revision: what begins a byte early behind it stops it.
            let message = if std::ptr::eq(code, &mvcc::KEY_SHAPE) && self.release.minor < 6 {
                "failed to unmarshal mvccpb.KeyValue"
            } else {
                message
            };
            if let Some(finding) = self.found(code).filter(|_| !harmless) {
                return Err(Stopped(format!("{message} ({})", finding.message)));
            }
        }
        Ok(())
    }
}
