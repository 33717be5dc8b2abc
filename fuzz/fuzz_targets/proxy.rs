//! What a proxy answers and what `NO_PROXY` lists: read without a panic, and the head of an
//! answer is the same however it is cut.
#![no_main]

use axon_worker::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &str, &str, u16)| {
    let (answer, list, host, port) = input;
    let whole = fuzzing::read_proxy_answer(answer);
    if let Ok(Some((status, length))) = whole {
        assert!((100..1000).contains(&status) && length <= answer.len());
        assert_eq!(fuzzing::read_proxy_answer(&answer[..length]), whole);
        for cut in 0..length {
            assert_eq!(fuzzing::read_proxy_answer(&answer[..cut]), Ok(None));
        }
    }
    let _ = fuzzing::no_proxy_has(list, host, port);
});
