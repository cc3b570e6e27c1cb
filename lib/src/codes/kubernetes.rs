//! Codes of kubernetes.

use super::codes;

codes! {}
