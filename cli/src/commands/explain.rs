use clap_complete::engine::ArgValueCandidates;
use serde_json::{Map, Value};

use etcd_inspect::Command;
use etcd_inspect::codes::{self, Code};

use crate::completion;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Cell, Column, Label, Line, Rows, Tail, person};
use crate::ui::Ui;

/// Read about a code: what it is, why it happens, what to do next
///
/// Works offline and without any evidence. Without a code: the list of all.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect explain BOLT-007
  etcd-inspect explain E0310
  etcd-inspect explain              every code with its title")]
pub(crate) struct ExplainArgs {
    /// Code of an error or finding, in any letter case
    #[arg(add = ArgValueCandidates::new(completion::codes))]
    code: Option<String>,
}

static COLUMNS: [Column; 3] = [
    Column::left("CODE", "code"),
    Column::left("SEVERITY", "severity"),
    Column::left("TITLE", "title"),
];

pub(crate) fn run(args: &ExplainArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    match &args.code {
        Some(id) => one(find(id)?, ui),
        None => all(ui),
    }
}

fn find(id: &str) -> Result<&'static Code, Failure> {
    codes::find(id).ok_or_else(|| {
        let failure = Failure::not_found(format!("no code {id:?}"));
        match etcd_inspect::answers::nearest(id, codes::all().map(|code| code.id)) {
            Some(near) => failure.next(Command::inspect("explain").arg(near)),
            None => failure.next("etcd-inspect explain"),
        }
    })
}

fn one(code: &'static Code, ui: &mut Ui) -> anyhow::Result<Exit> {
    let mut fields = Map::new();
    for (name, text) in [
        ("code", code.id),
        ("severity", &code.severity.to_string()),
        ("title", code.title),
        ("what", code.what),
        ("why", code.why),
        ("next", code.next),
    ] {
        fields.insert(name.to_owned(), Value::from(text));
    }
    ui.answer("explain", &fields, |ui| {
        ui.line(
            Line::new()
                .with(
                    code.severity.into(),
                    format!("{}[{}]", code.severity, code.id),
                )
                .text(format!(": {}", code.title)),
        )?;
        for (name, text) in [
            ("what", code.what),
            ("why", code.why),
            ("next", &ui.advice(code.next)),
        ] {
            person::paragraph(name, text, ui)?;
        }
        Ok(())
    })?;
    Ok(Exit::Ok)
}

fn all(ui: &mut Ui) -> anyhow::Result<Exit> {
    let mut rows = Rows::begin(ui, "explain", &COLUMNS)?;
    for code in codes::all() {
        rows.push(vec![
            Cell::text(code.id).label(Label::Name),
            Cell::text(code.severity.to_string()).label(code.severity.into()),
            Cell::text(code.title),
        ])?;
    }
    rows.finish(Tail::default())?;
    Ok(Exit::Ok)
}
