//! Frames, rolling CRC32C, torn tails.
