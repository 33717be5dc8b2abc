//! What is measured.

use bytes::Bytes;

use crate::server::Memory;

pub(crate) const BUCKET: &str = "bench";
pub(crate) const MIB: usize = 1024 * 1024;
pub(crate) const SMALL: usize = 16 * 1024;
pub(crate) const SMALLS: usize = 1000;

pub(crate) struct Case {
    /// What a side is told.
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) amount: f64,
    pub(crate) unit: &'static str,
    pub(crate) rounds: usize,
    pub(crate) is_ours: bool,
}

const fn case(name: &'static str, what: &'static str, amount: f64, unit: &'static str) -> Case {
    Case {
        name,
        what,
        amount,
        unit,
        rounds: 100,
        is_ours: false,
    }
}

pub(crate) const CASES: &[Case] = &[
    case("get", "256 MiB into a file", 256.0, "MiB"),
    case("put", "256 MiB from a file", 256.0, "MiB"),
    case(
        "get-small",
        "1000 objects of 16 KiB into files",
        1000.0,
        "objects",
    ),
    case(
        "put-small",
        "1000 files of 16 KiB into objects",
        1000.0,
        "objects",
    ),
    Case {
        rounds: 1,
        ..case("get-huge", "1 GiB into a file", 1024.0, "MiB")
    },
    Case {
        rounds: 1,
        ..case("put-huge", "1 GiB from a file", 1024.0, "MiB")
    },
    Case {
        is_ours: true,
        ..case(
            "hit-link",
            "256 MiB out of the cache, by a link",
            256.0,
            "MiB",
        )
    },
    Case {
        is_ours: true,
        ..case(
            "hit-copy",
            "256 MiB out of the cache, a copy that was made beforehand",
            256.0,
            "MiB",
        )
    },
    Case {
        is_ours: true,
        ..case(
            "hit-burst",
            "256 MiB out of the cache, a copy that is made now",
            256.0,
            "MiB",
        )
    },
];

/// Puts there what is fetched.
pub(crate) fn fill(memory: &Memory) {
    let piece = Bytes::from(vec![b'x'; MIB]);
    memory.put_repeated(BUCKET, "large", &piece, 256);
    memory.put_repeated(BUCKET, "huge", &piece, 1024);
    for i in 0..SMALLS {
        memory.put(BUCKET, &format!("small/{i}"), piece.slice(..SMALL));
    }
}
