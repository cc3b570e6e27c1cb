//! Codes of wal.

use super::codes;

codes! {}
