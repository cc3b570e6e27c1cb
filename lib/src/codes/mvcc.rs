//! Codes of mvcc.

use super::codes;

codes! {}
