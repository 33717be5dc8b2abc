//! URIs, names, and transfers over a folder.

mod folders;
mod names;
mod uris;
