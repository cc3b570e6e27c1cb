//! Writing what was read elsewhere.
