//! Kubernetes keys and values.

pub mod crd;
pub mod encryption;
pub mod key;
pub mod mask;
pub mod resources;
