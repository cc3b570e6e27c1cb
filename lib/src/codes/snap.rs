//! Codes of snap.

use super::codes;

codes! {}
