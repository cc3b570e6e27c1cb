//! Where things are in real files, found by small walkers that trust healthy bytes: the places to which damage is done.

pub mod bolt;
pub mod proto;
pub mod snap;
pub mod wal;
