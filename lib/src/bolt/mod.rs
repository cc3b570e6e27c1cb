//! The bbolt B+tree.
