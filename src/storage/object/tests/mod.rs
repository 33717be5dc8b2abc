//! URIs, names, transfers over a folder, and attempts that get in one another's way.

mod fences;
mod folders;
mod names;
mod uris;
