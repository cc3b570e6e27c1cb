//! Kubernetes keys and values.

pub mod crd;
pub mod key;
pub mod resources;
