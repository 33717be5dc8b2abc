//! The status page in a real browser: Chromium without a window, told what to do over
//! the `DevTools` protocol. `./test` installs it. The pictures that the tests take are in
//! `target/screenshots/`.

#![allow(unreachable_pub, reason = "one test program in several files")]

mod browser;
mod control;
mod devtools;
mod hostile;
mod looks;
mod page;
mod readers;
mod stage;
mod trouble;
