//! The conformance suite of transports, on ours and on ones that break a rule each.
//! `examples/own_transport.rs` runs it, too.

#![allow(unreachable_pub, reason = "one test program in several files")]

#[cfg(feature = "distworker")]
mod distworker;
mod flawed;
mod memory;
mod rxon;

use axon_worker::testing::transport_suite::SuiteReport;

/// All rules but these were checked and kept.
#[track_caller]
fn assert_kept_but(report: &SuiteReport, unchecked: &[&str]) {
    report.assert_kept();
    let unseen = [
        "the thread is not blocked",
        "no borrow is held across an await",
    ];
    let expected: Vec<_> = unchecked.iter().copied().chain(unseen).collect();
    assert_eq!(report.unchecked(), expected, "\n{report}");
    assert_eq!(
        report.kept().len(),
        report.rules.len() - expected.len(),
        "\n{report}"
    );
}
