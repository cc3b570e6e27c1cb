//! Which files are there, and their bytes.
