//! WAL over db, carving, salvage.
