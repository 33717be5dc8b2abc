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
    /// How much of `unit` is moved.
    pub(crate) amount: f64,
    pub(crate) unit: &'static str,
    /// What is wanted of us.
    pub(crate) goal: Goal,
    pub(crate) rounds: usize,
    pub(crate) is_ours: bool,
}

pub(crate) enum Goal {
    /// So many times as fast as `obstore`.
    Faster(f64),
    /// Within so many milliseconds.
    Within(f64),
    None,
}

const fn mebibytes(name: &'static str, what: &'static str, amount: f64, goal: Goal) -> Case {
    Case {
        name,
        what,
        amount,
        unit: "MiB/s",
        goal,
        rounds: 100,
        is_ours: false,
    }
}

const fn objects(name: &'static str, what: &'static str) -> Case {
    Case {
        unit: "1/s",
        ..mebibytes(name, what, 1000.0, Goal::Faster(2.0))
    }
}

const fn hit(name: &'static str, what: &'static str, goal: Goal) -> Case {
    Case {
        is_ours: true,
        ..mebibytes(name, what, 256.0, goal)
    }
}

const fn huge(name: &'static str, what: &'static str) -> Case {
    Case {
        rounds: 1,
        ..mebibytes(name, what, 1024.0, Goal::None)
    }
}

pub(crate) const CASES: &[Case] = &[
    mebibytes("get", "256 MiB into a file", 256.0, Goal::Faster(1.0)),
    mebibytes("put", "256 MiB from a file", 256.0, Goal::Faster(1.0)),
    objects("get-small", "1000 objects of 16 KiB into files"),
    objects("put-small", "1000 files of 16 KiB into objects"),
    huge("get-huge", "1 GiB into a file"),
    huge("put-huge", "1 GiB from a file"),
    hit(
        "hit-link",
        "256 MiB out of the cache, by a link",
        Goal::Within(10.0),
    ),
    hit(
        "hit-copy",
        "256 MiB out of the cache, a copy that was made beforehand",
        Goal::Within(10.0),
    ),
    hit(
        "hit-burst",
        "256 MiB out of the cache, a copy that is made now",
        Goal::None,
    ),
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
