//! Kubernetes keys and values.
