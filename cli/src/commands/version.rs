use serde_json::{Map, Value};

use crate::exit::Exit;
use crate::output::Line;
use crate::ui::Ui;

/// Version of this program and of what it reads
#[derive(clap::Args, Debug)]
pub(crate) struct VersionArgs {}

/// What the formats were verified against.
const READS: &str = "etcd 3.4, 3.5, 3.6, 3.7; Kubernetes 1.8 to 1.37";

pub(crate) fn run(_args: &VersionArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let version = env!("CARGO_PKG_VERSION");
    let mut fields = Map::new();
    fields.insert("version".to_owned(), Value::from(version));
    fields.insert("reads".to_owned(), Value::from(READS));
    ui.answer("version", &fields, |ui| {
        Ok(ui.line(Line::from(format!(
            "etcd-inspect {version} (reads {READS})"
        )))?)
    })?;
    Ok(Exit::Ok)
}
