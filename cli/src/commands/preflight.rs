use std::path::PathBuf;

use etcd_inspect::Command;
use etcd_inspect::answers::key_json;
use etcd_inspect::member::Member;
use etcd_inspect::verdict::{self as lib, Action, Judged, Level, counted};
use etcd_inspect::verdict::Release;
use serde_json::{Map, Value, json};

use crate::exit::Exit;
use crate::output::{Label, Line};
use crate::ui::Ui;
use crate::verdict;

/// May I start, restore, upgrade with this, or force a new cluster? GO or NO-GO, and why
///
/// Follows etcd's own start step by step without starting it: where it would stop and with what message, what it would cut
/// off or erase unnoticed, and what it would serve although it is damaged. Every path is judged. NO-GO if something else
/// loses less: that is named.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect preflight /copy/m1 --for start --etcd 3.5.30
  etcd-inspect preflight /copy/m1 /copy/m2 /copy/m3 --for force-new-cluster
  etcd-inspect preflight /copy/m2 --for restore
  etcd-inspect preflight /copy/m2 --for upgrade --etcd 3.6")]
pub(crate) struct PreflightArgs {
    /// Data directories; for a restore also db or snapshot files
    #[arg(num_args = 0..=9)]
    paths: Vec<PathBuf>,
    /// What is going to be done
    #[arg(long = "for", value_name = "PURPOSE", default_value = "start")]
    purpose: Purpose,
    /// The release of etcd that will do it; default: that of the data
    #[arg(long, value_name = "3.x[.y]")]
    etcd: Option<Release>,
}

/// What is going to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Purpose {
    /// Start etcd on the directory.
    Start,
    /// Start it with --force-new-cluster.
    ForceNewCluster,
    /// Restore its db into a new directory.
    Restore,
    /// Start the next minor version on it.
    Upgrade,
}

impl Purpose {
    fn action(self) -> Action {
        match self {
            Self::Start => Action::Start,
            Self::ForceNewCluster => Action::ForceNewCluster,
            Self::Restore => Action::Restore,
            Self::Upgrade => Action::Upgrade,
        }
    }
}

pub(crate) fn run(args: &PreflightArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let mut members: Vec<Member> = Vec::new();
    for path in args.paths.iter().skip(1) {
        members.push(ui.member(Some(path))?);
    }
    members.insert(0, ui.member(args.paths.first().map(PathBuf::as_path))?);
    let action = args.purpose.action();
    let judged = lib::preflight(&members, action, args.etcd, &*ui.progress());
    // A directory that is to be started must be fit itself; of copies to choose from the best is chosen.
    let chosen = matches!(action, Action::ForceNewCluster | Action::Restore);
    let go = match chosen {
        true => judged.first().is_some_and(|best| best.go),
        false => judged.iter().all(|one| one.go),
    };
    let fields = fields(action, go, &judged);
    ui.document("preflight", fields, |ui| {
        for one in &judged {
            if judged.len() > 1 {
                let name = format!("{}. {}", one.rank, one.path);
                ui.line(Line::new().with(Label::Name, name))?;
            }
            lines(&one.lines, ui)?;
        }
        let one = match chosen {
            true => judged.first(),
            false => judged.iter().find(|one| !one.go).or(judged.first()),
        };
        match one {
            Some(one) => last(action, go, one, ui),
            None => Ok(()),
        }
    })?;
    Ok(Exit::negative_if(!go))
}

/// The document that other programs read: the first copy's fields, and all copies in `candidates`.
fn fields(action: Action, go: bool, judged: &[Judged]) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("for".to_owned(), json!(action));
    fields.insert("go".to_owned(), Value::from(go));
    let Some(first) = judged.first() else {
        return fields;
    };
    fields.insert("lines".to_owned(), json!(first.lines));
    if let Some(step) = &first.step {
        fields.insert("etcd".to_owned(), json!(step.release.to_string()));
        fields.insert("starts".to_owned(), json!(step.outcome.starts));
        fields.insert("message".to_owned(), json!(step.outcome.message));
        fields.insert("loses".to_owned(), loses(first));
        fields.insert(
            "swallows".to_owned(),
            json!(step.outcome.later_writes.vanish()),
        );
        fields.insert("revision".to_owned(), json!(step.outcome.revision));
        fields.insert("keys".to_owned(), json!(step.outcome.keys));
        fields.insert("step".to_owned(), verdict::step(step));
        if action == Action::Restore {
            let command = step.commands.iter().map(Command::to_string);
            let command: Vec<String> = command.collect();
            fields.insert("command".to_owned(), json!(command.join(" && ")));
            let raised = bump(step);
            let own = step
                .outcome
                .revision
                .map(|own| own.saturating_sub(raised.unwrap_or(0)));
            fields.insert("revision".to_owned(), json!(own));
            fields.insert("bump_revision".to_owned(), json!(raised));
            fields.insert("reached_revision".to_owned(), json!(first.reached));
            fields.insert("dropped_entries".to_owned(), json!(step.lost.writes.value));
        }
    }
    let better = first.better.as_ref().map(verdict::step);
    fields.insert("better".to_owned(), json!(better));
    let candidates: Vec<Value> = judged.iter().map(candidate).collect();
    fields.insert("candidates".to_owned(), Value::from(candidates));
    fields
}

/// By how much the command raises the revision.
fn bump(step: &lib::Step) -> Option<i64> {
    let words = step.commands.last()?.words();
    let at = words.iter().position(|word| word == "--bump-revision")?;
    words.get(at.saturating_add(1))?.parse().ok()
}

fn loses(judged: &Judged) -> Value {
    let Some(step) = &judged.step else {
        return Value::Null;
    };
    let keys: Vec<Value> = step.lost.keys.iter().map(|key| key_json(key)).collect();
    json!({ "entries": step.lost.writes.value, "keys": keys })
}

fn candidate(one: &Judged) -> Value {
    let mut fields = Map::new();
    fields.insert("path".to_owned(), json!(one.path));
    fields.insert("rank".to_owned(), json!(one.rank));
    fields.insert("go".to_owned(), json!(one.go));
    fields.insert("errors".to_owned(), json!(one.errors));
    fields.insert("lines".to_owned(), json!(one.lines));
    fields.insert(
        "better".to_owned(),
        json!(one.better.as_ref().map(verdict::step)),
    );
    fields.insert(
        "step".to_owned(),
        json!(one.step.as_ref().map(verdict::step)),
    );
    if let Some(step) = &one.step {
        let all = step.lost.keys.iter().chain(&step.possibly_lost.keys);
        let keys: std::collections::BTreeSet<_> = all.collect();
        let keys: Vec<Value> = keys.into_iter().map(|key| key_json(key)).collect();
        let writes = step.lost.writes.plus(step.possibly_lost.writes);
        fields.insert("revision".to_owned(), json!(step.outcome.revision));
        fields.insert("lost_revisions".to_owned(), json!(writes.value));
        fields.insert("lost_keys".to_owned(), json!(keys));
    }
    if let Some(forced) = &one.forced {
        let removed = forced.removed_members.iter();
        let removed: Vec<String> = removed.map(|id| format!("{id:016x}")).collect();
        fields.insert("commit".to_owned(), json!(forced.commit));
        fields.insert("last_index".to_owned(), json!(forced.last_index));
        fields.insert(
            "discarded_entries".to_owned(),
            json!(forced.discarded_entries),
        );
        fields.insert("removed_members".to_owned(), json!(removed));
    }
    Value::Object(fields)
}

fn lines(lines: &[lib::Line], ui: &mut Ui) -> anyhow::Result<()> {
    for line in lines {
        let (label, name) = match line.level {
            Level::Pass => (Label::Good, "PASS"),
            Level::Warn => (Label::Warning, "WARN"),
            Level::Fail => (Label::Error, "FAIL"),
        };
        ui.line(
            Line::new()
                .with(label, format!("{name}  "))
                .text(format!("{} ", line.text))
                .with(Label::Dim, line.code.clone()),
        )?;
    }
    Ok(())
}

/// What it costs, something better, and the verdict, which is the last line.
fn last(action: Action, go: bool, one: &Judged, ui: &mut Ui) -> anyhow::Result<()> {
    if let Some(step) = &one.step
        && let Some(keys) = verdict::lost_keys(&step.lost, ui)
    {
        let text = counted(step.lost.writes.value, "write", "writes");
        ui.line(Line::new().with(Label::Warning, format!("loses {text}{keys}")))?;
    }
    if let Some(better) = &one.better {
        let commands: Vec<String> = better.commands.iter().map(Command::to_string).collect();
        let line = Line::new()
            .with(Label::Heading, format!("better: {}  ", better.action))
            .with(Label::Command, commands.join(" && "));
        let what = format!("     loses {}; {}", better.lost.writes, better.effect);
        ui.line(line.text(what))?;
    }
    let (label, name) = match go {
        true => (Label::Good, "GO"),
        false => (Label::Error, "NO-GO"),
    };
    let what = what(action, go, one);
    let line = Line::new().with(label, format!("{name}  "));
    Ok(ui.line(line.with(Label::Command, what))?)
}

/// What to do, or what not to do.
fn what(action: Action, go: bool, one: &Judged) -> String {
    let release = one.step.as_ref().map(|step| step.release.to_string());
    let release = release.unwrap_or_default();
    let commands = one.step.iter().flat_map(|step| &step.commands);
    let commands: Vec<String> = commands.map(Command::to_string).collect();
    match (action, go) {
        (Action::Start, true) => format!("start etcd {release} on it"),
        (Action::Start, false)
            if one
                .step
                .as_ref()
                .is_some_and(|step| step.outcome.starts == Some(true)) =>
        {
            "etcd would start, but should not be allowed to: copy the directory first".to_owned()
        }
        (Action::Start, false) => {
            "etcd would not start; a failed start destroys evidence: copy the directory first"
                .to_owned()
        }
        (Action::ForceNewCluster, true) => {
            let force = Command::new("etcd")
                .arg("--force-new-cluster")
                .arg("--data-dir");
            format!(
                "{} (on a copy), and none of the others any more",
                force.arg(&one.path)
            )
        }
        (Action::ForceNewCluster, false) => {
            format!(
                "{} is the best of these, and not good enough: the FAIL lines say why",
                one.path
            )
        }
        (Action::Restore, true) => commands.join(" && "),
        (Action::Restore, false) => "do not restore this".to_owned(),
        (_, true) => "no obstacle found".to_owned(),
        (_, false) => "do not upgrade yet".to_owned(),
    }
}
