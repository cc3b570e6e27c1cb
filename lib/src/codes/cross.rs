//! Codes of cross.

use super::codes;

codes! {}
