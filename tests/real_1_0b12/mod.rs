//! Scenarios by area. `on_both_storages!` makes two tests of one scenario.

/// Runs each scenario with memory storage and with Redis storage.
macro_rules! on_both_storages {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use crate::support::Storage;

            #[actix_rt::test]
            async fn with_memory_storage() {
                super::scenario::$name(Storage::Memory).await;
            }

            #[actix_rt::test]
            async fn with_redis_storage() {
                super::scenario::$name(Storage::Redis).await;
            }
        }
    )+};
}

mod blocking;
mod capacity;
mod commands;
mod faults;
mod files;
mod hot_cache;
mod jobs;
mod lifecycle;
mod outages;
mod outcomes;
mod rate_limits;
