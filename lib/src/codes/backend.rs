//! Codes of backend.

use super::codes;

codes! {}
