//! Numbers as they are signed (rxon 1.0b17, which writes them with orjson).

use std::io::Write as _;

/// 2^63 and 2^64; both are exact.
const TWO_POW_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_POW_64: f64 = 18_446_744_073_709_551_616.0;

/// A whole number that does not fit 64 bits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Writes a number that was spelled as `text`, which is a JSON number.
///
/// Whole numbers of 64 bits are written as they are, others are read as a float first. A
/// float with a whole value is written as that number.
pub(super) fn write(text: &str, out: &mut Vec<u8>) -> Result<(), TooLarge> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        if digits == "0" {
            out.push(b'0'); // and `-0`
            return Ok(());
        }
        // 18 digits always fit; a JSON number has no leading zeros to trim.
        if digits.len() <= 18 || text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok() {
            out.extend_from_slice(text.as_bytes());
            return Ok(());
        }
    }
    // Infinite if it is beyond what a double holds.
    let value: f64 = text.parse().map_err(|_| TooLarge)?;
    write_float(value, out)
}

fn write_float(value: f64, out: &mut Vec<u8>) -> Result<(), TooLarge> {
    if !(-TWO_POW_63..TWO_POW_64).contains(&value) {
        return Err(TooLarge);
    }

    if value.fract() == 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and within 65 bits")]
        let whole = value as i128;
        write!(out, "{whole}").expect("a vector takes everything");
    } else {
        // The digits of orjson, by which rxon writes floats. `Display` has other ones: where
        // two shortest forms are equally near, it takes the upper one instead of the even one.
        serde_json::to_writer(out, &value).expect("a finite number, and a vector takes everything");
    }

    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Result<String, TooLarge> {
        let mut out = Vec::new();
        write(text, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn whole_numbers_of_64_bits_stay_as_they_are() {
        for text in [
            "0",
            "-1",
            "9007199254740993",
            "18446744073709551615",
            "-9223372036854775808",
        ] {
            assert_eq!(written(text).unwrap(), text);
        }
    }

    #[test]
    fn whole_floats_lose_their_fraction() {
        for (text, expected) in [
            ("2.0", "2"),
            ("-0.0", "0"),
            ("-0", "0"),
            ("0e5", "0"),
            ("12e3", "12000"),
            ("1e17", "100000000000000000"),
            ("1.8e19", "18000000000000000000"),
            ("9007199254740993.0", "9007199254740992"),
            // read as a float first, which rounds it into the range
            ("-9223372036854775809", "-9223372036854775808"),
        ] {
            assert_eq!(written(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn floats_take_their_shortest_form_with_an_exponent_below_1e_5() {
        for (text, expected) in [
            ("0.10", "0.1"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("1e-5", "0.00001"),
            ("0.000009999", "9.999e-6"),
            ("-0.000001234", "-1.234e-6"),
            ("5E-324", "5e-324"),
            ("1e-400", "0"),
        ] {
            assert_eq!(written(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn beyond_64_bits_there_is_no_form() {
        for text in [
            "18446744073709551616",
            "18446744073709551616.0",
            "1e22",
            "-9.3e18",
            "-9223372036854777000",
            "1e400",
        ] {
            assert_eq!(written(text), Err(TooLarge), "{text}");
        }
    }
}
