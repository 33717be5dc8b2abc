//! What only 1.0b30 does.
