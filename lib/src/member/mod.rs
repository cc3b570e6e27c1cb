//! One handle that joins db, WAL and snaps.
