//! Medians and percentiles.

/// The middle one, or the mean of the two; not a number when there is none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.as_slice() {
        [] => f64::NAN,
        all if all.len().is_multiple_of(2) => f64::midpoint(all[middle - 1], all[middle]),
        all => all[middle],
    }
}

/// The value that `share` (0 to 1) of the sorted values do not exceed.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let rank = (share * sorted.len() as f64).ceil() as usize;
    let at = rank.clamp(1, sorted.len().max(1)) - 1;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// The least and the most.
pub(crate) fn spread(values: &[f64]) -> (f64, f64) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (least, most)
}

/// A count as a number to divide by.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of minutes, not of years"
)]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

/// KiB, as `/proc` counts, in MiB.
pub(crate) fn mebibytes(kibibytes: u64) -> f64 {
    number(kibibytes) / 1024.0
}
