//! What only 1.0b12 does.

mod commands;
mod lifecycle;
