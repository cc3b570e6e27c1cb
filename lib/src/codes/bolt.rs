//! Codes of bolt.

use super::codes;

codes! {}
