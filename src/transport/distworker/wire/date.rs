//! Points in time as the protocol writes them: `20250613T021751Z`, always UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How far the clocks of worker and controller may be apart, either way.
pub(crate) const WINDOW: Duration = Duration::from_mins(5);

const DAY: u64 = 86_400;

/// The first part of a date, which keys are derived from.
pub(crate) fn day_of(date: &str) -> &str {
    date.get(..8).unwrap_or(date)
}

/// A point in time, to the second.
pub(crate) fn write(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (year, month, day) = civil(seconds / DAY);
    let rest = seconds % DAY;
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// Year, month and day of a day counted from 1970 (Gregorian calendar; the years
/// counted from March, so that leap days come last).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    (year, month, day)
}

/// Reads a date as the controller does, a fraction before the `Z` included.
#[cfg(any(test, feature = "dev-orchestrator"))]
pub(crate) fn read(text: &str) -> Option<SystemTime> {
    let number = |range: std::ops::Range<usize>| -> Option<u64> {
        let digits = text.get(range)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
        digits.parse().ok()
    };
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    (text.get(8..9)? == "T").then_some(())?;
    let (hour, minute, second) = (number(9..11)?, number(11..13)?, number(13..15)?);
    let fraction = match text.get(15..)? {
        "Z" => 0.0,
        rest => {
            let digits = rest.strip_prefix('.')?.strip_suffix('Z')?;
            let all = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            all.then(|| format!("0.{digits}").parse::<f64>().ok())??
        }
    };
    let in_range = (1970..=9999).contains(&year) && hour < 24 && minute < 60 && second < 60;
    in_range.then_some(())?;
    let days = days_before(year, month, day)?;
    let seconds = days * DAY + hour * 3600 + minute * 60 + second;
    Some(UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_secs_f64(fraction))
}

#[cfg(any(test, feature = "dev-orchestrator"))]
fn days_before(year: u64, month: u64, day: u64) -> Option<u64> {
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (shifted / 400, shifted % 400);
    let month_index = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * month_index + 2) / 5 + day.checked_sub(1)?;
    let of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    let days = (era * 146_097 + of_era).checked_sub(719_468)?;
    // A day that the calendar does not have comes back as another one.
    (civil(days) == (year, month, day)).then_some(days)
}

/// Whether a date is near enough to `now` for a signature with it to count.
#[cfg(any(test, feature = "dev-orchestrator"))]
pub(crate) fn is_in_window(date: SystemTime, now: SystemTime) -> bool {
    let apart = now
        .duration_since(date)
        .unwrap_or_else(|error| error.duration());
    apart <= WINDOW
}
