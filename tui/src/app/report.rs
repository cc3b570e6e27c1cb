//! `er`: the page that the verb `report` writes, with what was noted and marked here.

use std::any::Any;

use etcd_inspect::answers::report::{ReportAnswer, ReportQuestion};
use etcd_inspect::member::Member;
use etcd_inspect::text::number;

use super::App;
use crate::event::Effect;
use crate::job::{JobId, Monitor, Owner};
use crate::theme::Role;

/// The program as the page names it.
const TOOL: &str = concat!("etcd-inspect ", env!("CARGO_PKG_VERSION"));

/// The page, or why there is none.
struct Page(Result<String, String>);

impl App {
    /// Asks the library for the page, beside the loop; it is written when it is there.
    pub(super) fn begin_report(&mut self, name: &str) {
        let session = &self.session;
        let paths = self.evidence();
        let lines = session.slots.iter().map(|slot| slot.notes.to_lines());
        let notes = Some(lines.collect::<String>()).filter(|text| !text.is_empty());
        let (options, mask) = (session.options.member.clone(), session.options.mask.clone());
        let keyring = session.options.keyring.clone();
        let flags = session.options.flags.clone();
        let wal_dirs = session.options.wal_dirs.clone();
        let at = session.ruler.time.filter(|_| session.ruler.is_past());
        let at = at.and_then(|(_, time)| time);
        let work = move |monitor: &Monitor| {
            let opened = (0usize..)
                .zip(&paths)
                .map(|(number, path)| {
                    let mut options = options.clone();
                    options.evidence.wal_dir = wal_dirs.get(number).cloned();
                    Member::open_with(path, options)
                })
                .collect::<Result<Vec<_>, _>>();
            Page(opened.map_err(|error| error.to_string()).map(|members| {
                let question = ReportQuestion {
                    members: &members,
                    paths: &paths,
                    at,
                    since: None,
                    notes,
                    audit: None,
                    etcd_log: None,
                    full: false,
                    mask: &mask,
                    with_fingerprints: false,
                    tool: TOOL,
                    keyring: &keyring,
                    layout: None,
                    beside: Vec::new(),
                    flags,
                    rows: None,
                };
                ReportAnswer::read(&question, monitor).html
            }))
        };
        let job = self
            .session
            .jobs
            .start(Owner::Report, "report".to_owned(), work);
        self.report = Some((job.id, name.to_owned()));
        self.session.effects.push(Effect::Spawn(job));
        self.session
            .say(Role::Dim, "writing the page of the report…");
    }

    /// Writes the page.
    pub(super) fn reported(&mut self, id: JobId, value: Box<dyn Any + Send>) {
        let (Some((_, name)), Ok(page)) = (
            self.report.take_if(|(job, _)| *job == id),
            value.downcast::<Page>(),
        ) else {
            return;
        };
        let written = page.0.and_then(|html| {
            let size = number::size(html.len() as u64);
            self.write_export(&name, html.as_bytes()).map(|()| size)
        });
        if let Err(why) = written {
            self.session.say(Role::Warning, why);
        }
    }
}
