//! Several members beside each other.
