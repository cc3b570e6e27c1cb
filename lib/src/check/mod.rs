//! Every format's check at a chosen depth.
