//! Columns that several tables have: those of a key, and of the time of a write.

use crate::definition::{Column, Kind, Pushed};

pub(super) const KEY: Column = Column::text("key", "the key, if it is UTF-8").pushed(Pushed::Key);

pub(super) const KEY_B64: Column = Column::text("key_b64", "the key in base64, if it is not UTF-8");

pub(super) const RESOURCE: Column = Column::text(
    "resource",
    "pods, widgets.example.com; NULL outside Kubernetes",
)
.pushed(Pushed::Resource);

pub(super) const NAMESPACE: Column =
    Column::text("namespace", "of the key; NULL if it has none").pushed(Pushed::Namespace);

pub(super) const NAME: Column = Column::text("name", "of the key").pushed(Pushed::Name);

pub(super) const LEASE: Column = Column::text("lease", "16 hexadecimal digits; NULL for none");

pub(super) const UNCERTAINTY: Column = Column::new(
    "uncertainty_s",
    Kind::Real,
    "how far the true time may be from it; NULL if that is not known",
)
.unit("seconds");

pub(super) const TIME_SOURCE: Column = Column::text(
    "time_source",
    "what dated it: lease, event, object, token, grant (the time to live of a lease), between",
);

/// The columns that a clock answers.
pub(super) const OF_TIME: [&str; 3] = ["time", "uncertainty_s", "time_source"];
