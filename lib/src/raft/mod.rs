//! What WAL records contain.
