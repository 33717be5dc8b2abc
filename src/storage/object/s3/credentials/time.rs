//! Points in time as services write them: `2026-01-31T23:59:59Z`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Reads it; fractions of seconds do not count, other zones than UTC are not read.
pub(super) fn read(text: &str) -> Option<SystemTime> {
    let (date, rest) = text.trim().strip_suffix('Z')?.split_once('T')?;
    let clock = rest.split_once('.').map_or(rest, |(clock, _)| clock);
    let [year, month, day] = numbers(date, '-')?;
    let [hours, minutes, seconds] = numbers(clock, ':')?;
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days since 1970 in a year that begins in March, so that a leap day is its last.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + hours * 3600 + minutes * 60 + seconds;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn numbers(text: &str, between: char) -> Option<[u64; 3]> {
    let mut parts = text.split(between).map(|part| part.parse::<u16>().ok());
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then(|| three.map(u64::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2026-11-21T13:14:15.678Z", 1_795_266_855),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(read(text), Some(time), "{text}");
        }
        for text in [
            "",
            "2026-13-01T00:00:00Z",
            "2026-01-01",
            "1969-01-01T00:00:00Z",
            "2026-01-01T00:00:00+01:00",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
