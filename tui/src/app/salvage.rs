//! The salvage of a step: path, dry run, `yes`, file.

use std::any::Any;
use std::path::{Path, PathBuf};

use etcd_inspect::salvage::backup::Out;
use etcd_inspect::text::escape;

use super::App;
use crate::event::Effect;
use crate::job::{JobId, Monitor, Owner};
use crate::overlay::{Confirm, Overlay, Popup};
use crate::salvage::{Evidence, Form, Outcome, Plan, Request, dry_run, text, write};
use crate::theme::Role;

/// The command that takes the path.
pub(super) const COMMAND: &str = "salvage";

/// What is before the answer.
const QUESTION: &str = "write it? only a typed yes does:";

/// Where a salvage has got to.
#[derive(Debug, Default)]
pub(super) struct Salvaging {
    /// What the path that is typed is about.
    asked: Option<Request>,
    /// What a `yes` writes.
    ready: Option<(Request, Out)>,
    /// The task that runs: the news of an older one are dropped.
    job: Option<JobId>,
}

impl Salvaging {
    /// The question was left.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl App {
    /// Asks for the path.
    pub(super) fn ask_salvage(&mut self, request: Request) {
        let proposed = request.proposed.clone();
        self.salvage.asked = Some(request);
        self.prompt_with(COMMAND, proposed);
    }

    /// Begins the dry run.
    pub(super) fn salvage(&mut self, path: &str) -> Result<(), String> {
        let request = self.salvage.asked.take();
        let request = match request {
            Some(request) => request,
            None => Request {
                paths: vec![self.session.slot().ok_or("no directory")?.path.clone()],
                form: Form::Backup,
                proposed: String::new(),
            },
        };
        if path.is_empty() {
            return Err("salvage FILE.db: the path of a new file is wanted".to_owned());
        }
        let path = self.session.options.export_dir.join(path);
        let evidence = self.evidence_of_salvage()?;
        let out = evidence.out(&path)?;
        self.salvage.ready = Some((request.clone(), out));
        let label = shown(&request.paths);
        let work = move |monitor: &Monitor| Outcome::Planned(dry_run(&request, &evidence, monitor));
        self.start_salvage(label, work);
        Ok(())
    }

    fn start_salvage(
        &mut self,
        label: String,
        work: impl FnOnce(&Monitor) -> Outcome + Send + 'static,
    ) {
        if let Some(job) = self.salvage.job.take() {
            self.session.cancel(job);
        }
        let job = self.session.jobs.start(Owner::Salvage, label, work);
        self.salvage.job = Some(job.id);
        self.session.effects.push(Effect::Spawn(job));
    }

    /// Writes what was shown, or says that nothing was.
    pub(super) fn write_salvage(&mut self, yes: bool) {
        let Some((request, out)) = self.salvage.ready.take().filter(|_| yes) else {
            self.salvage.forget();
            let text = "nothing was written: only a typed yes writes";
            return self.session.say(Role::Dim, text);
        };
        let evidence = match self.evidence_of_salvage() {
            Ok(evidence) => evidence,
            Err(why) => return self.session.say(Role::Warning, why),
        };
        let label = out.path().display().to_string();
        let work =
            move |monitor: &Monitor| Outcome::Written(write(&request, &out, &evidence, monitor));
        self.start_salvage(label, work);
    }

    /// A task of the salvage has ended.
    pub(super) fn salvaged(&mut self, job: JobId, value: Box<dyn Any + Send>) {
        let Ok(outcome) = value.downcast::<Outcome>() else {
            return;
        };
        if self.salvage.job.take_if(|own| *own == job).is_none() {
            return;
        }
        match *outcome {
            Outcome::Planned(Ok(plan)) => self.show_plan(&plan),
            Outcome::Written(Ok(written)) => {
                let file = written.path.display().to_string();
                let file = escape::text(&file, self.session.charset()).into_owned();
                self.session.say(Role::Good, format!("wrote {file}"));
                let popup = Popup::new("salvage".to_owned(), text::of_written(&written));
                let commands = written.next.join("\n");
                self.overlay = Overlay::Popup(popup.copying("restore command", commands));
            }
            Outcome::Planned(Err(why)) | Outcome::Written(Err(why)) => {
                self.salvage.forget();
                let lines = vec![why.into(), "nothing was written".into()];
                self.overlay = Overlay::Popup(Popup::new("salvage".to_owned(), lines));
            }
        }
    }

    fn show_plan(&mut self, plan: &Plan) {
        let Some((request, out)) = &self.salvage.ready else {
            return;
        };
        let lines = text::of_plan(plan, request, out.path());
        let title = "salvage · dry run".to_owned();
        self.overlay = match plan {
            Plan::Corrected(corrections) if corrections.is_empty() => {
                self.salvage.forget();
                Overlay::Popup(Popup::new(title, lines))
            }
            _ => Overlay::Confirm(Confirm::new(title, lines, QUESTION)),
        };
    }

    /// Every copy that is open here: none of them may be written into.
    fn evidence_of_salvage(&self) -> Result<Evidence, String> {
        let slots = &self.session.slots;
        let opened: Vec<_> = slots
            .iter()
            .filter_map(|slot| Some((slot.path.clone(), slot.dataset.ready()?.clone())))
            .collect();
        match opened.is_empty() {
            true => Err(self.session.why_no_data().plain()),
            false => Ok(Evidence {
                opened,
                options: self.session.options.member.clone(),
            }),
        }
    }
}

fn shown(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths
        .iter()
        .map(|path: &PathBuf| Path::display(path).to_string())
        .collect();
    names.join(" ")
}
