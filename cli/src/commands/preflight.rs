use std::path::PathBuf;

use etcd_inspect::answers::preflight::{PreflightAnswer, decisive};
use etcd_inspect::codes::dir;
use etcd_inspect::member::Member;
use etcd_inspect::verdict::Release;
use etcd_inspect::verdict::{self as lib, Action, Judged, Level, Step, counted};

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
    ui.shows_commands();
    let count = args.paths.len().max(1);
    let mut members: Vec<Member> = Vec::new();
    for (at, path) in args.paths.iter().enumerate().skip(1) {
        members.push(ui.member_of(Some(path), at, count)?);
    }
    let first = args.paths.first().map(PathBuf::as_path);
    members.insert(0, ui.member_of(first, 0, count)?);
    let action = args.purpose.action();
    let judged = lib::preflight(&members, action, args.etcd, &*ui.progress());
    let answer = PreflightAnswer::new(action, &judged);
    let go = answer.go;
    ui.answer("preflight", &answer, |ui| {
        for one in &judged {
            if judged.len() > 1 {
                let name = format!("{}. {}", one.rank, one.path);
                ui.line(Line::new().with(Label::Name, name))?;
            }
            lines(&one.lines, ui)?;
        }
        match decisive(action, &judged) {
            Some(one) => last(action, go, one, ui),
            None => Ok(()),
        }
    })?;
    if !go && judged.iter().any(|one| one.is_unreadable) {
        return Ok(Exit::Partial);
    }
    Ok(Exit::negative_if(!go))
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
        let count = step.lost.writes;
        let at_least = if count.at_least { "at least " } else { "" };
        let text = format!("{at_least}{}", counted(count.value, "write", "writes"));
        ui.line(Line::new().with(Label::Warning, format!("loses {text}{keys}")))?;
    }
    if let Some(better) = &one.better {
        let mut line = Line::new().with(Label::Heading, format!("better: {}  ", better.action));
        if !better.commands.is_empty() {
            line = line
                .with(Label::Command, better.command_line())
                .text("     ");
        }
        let loses = better.lost_text();
        let effect = match better.effect.is_empty() {
            true => String::new(),
            false => format!("; {}", better.effect),
        };
        ui.line(line.text(format!("loses {loses}{effect}")))?;
    }
    if go && action == Action::ForceNewCluster {
        let text = match one.is_last_resort() {
            true => {
                "only if no majority of its cluster can be started, and on a copy; none of the other members may be started again afterwards"
            }
            false => "on a copy",
        };
        ui.line(Line::new().with(Label::Warning, "WARN  ").text(text))?;
    }
    let (label, name) = match go {
        // It removes members: never more than the last resort, which the line before says.
        true if one.is_last_resort() => (Label::Warning, "GO"),
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
    let is_held = (one.lines.first()).is_some_and(|line| line.code == dir::LOCK_HELD.id);
    match (action, go) {
        (_, false) if is_held => {
            "a server runs on it: stop it first, or ask it for a backup (etcdctl snapshot save)"
                .to_owned()
        }
        (Action::Start, true) if one.together.is_some() => {
            let together = one.together.as_ref();
            together.map_or_else(String::new, |step| step.effect.clone())
        }
        (Action::Start, true) => match one
            .step
            .as_ref()
            .map_or(0, |step| step.outcome.needs_others)
        {
            0 => format!("start etcd {release} on it"),
            others => format!(
                "start etcd {release} on it, and on at least {} of its cluster: alone it never serves",
                counted(others as u64, "other voter", "other voters")
            ),
        },
        (Action::Start, false)
            if one
                .step
                .as_ref()
                .is_some_and(|step| step.outcome.starts == Some(true)) =>
        {
            "etcd would start, but should not be allowed to: copy the directory first".to_owned()
        }
        (Action::Start, false)
            if one
                .step
                .as_ref()
                .is_some_and(|step| step.outcome.starts.is_none()) =>
        {
            let message = one.step.as_ref();
            let message = message.and_then(|step| step.outcome.message.as_deref());
            let what = message.unwrap_or("what etcd would do is not known");
            format!("{what}: copy the directory first")
        }
        (Action::Start, false) => {
            "etcd would not serve; a failed start destroys evidence: copy the directory first"
                .to_owned()
        }
        (Action::ForceNewCluster, true) => Step::line_of(&one.commands),
        (Action::ForceNewCluster, false) => "do not force a new cluster with this".to_owned(),
        (Action::Restore, true) => Step::line_of(&one.commands),
        (Action::Restore, false) => "do not restore this".to_owned(),
        (_, true) => "no obstacle found".to_owned(),
        (_, false) => "do not upgrade yet".to_owned(),
    }
}
