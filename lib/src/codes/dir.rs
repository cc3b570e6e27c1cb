//! Codes of dir.

use super::codes;

codes! {}
