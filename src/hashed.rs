//! Tables whose keys need no hashing: numbers that we count ourselves, and keys that
//! carry their hash.

use std::hash::{BuildHasherDefault, Hasher};

/// For a `HashMap` of such keys.
pub(crate) type Hashed = BuildHasherDefault<GivenHash>;

/// Takes the one number that a key writes for its hash.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct GivenHash(u64);

impl Hasher for GivenHash {
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys of these tables write one number")
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
