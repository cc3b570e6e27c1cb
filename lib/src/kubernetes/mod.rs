//! Kubernetes keys and values.

pub mod columns;
pub mod crd;
pub mod encryption;
pub mod jsonpath;
pub mod key;
pub mod mask;
pub mod resources;
pub mod selector;
pub mod table;
