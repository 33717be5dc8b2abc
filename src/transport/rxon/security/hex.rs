//! Bytes as hexadecimal digits.

/// Lower-case digits.
pub(super) fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(DIGITS[usize::from(digit)]));
        }
    }
    text
}

/// The `N` bytes that digits of either case stand for.
#[cfg(feature = "ed25519")]
pub(super) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    decode_digits(text, |digit| char::from(digit).to_digit(16))
}

/// The `N` bytes that lower-case digits stand for.
pub(super) fn decode_lower<const N: usize>(text: &str) -> Option<[u8; N]> {
    decode_digits(text, |digit| {
        let is_lower = !digit.is_ascii_uppercase();
        char::from(digit).to_digit(16).filter(|_| is_lower)
    })
}

fn decode_digits<const N: usize>(text: &str, value: impl Fn(u8) -> Option<u32>) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = u8::try_from(value(high)? << 4 | value(low)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_case_digits_go_there_and_back() {
        let text = encode(&[0, 0x0f, 0xa5, 0xff]);
        assert_eq!(text, "000fa5ff");
        assert_eq!(decode_lower(&text), Some([0, 0x0f, 0xa5, 0xff]));
    }

    #[test]
    fn nothing_else_is_taken() {
        for text in ["", "0", "00", "000", "0000ff", "zz00", "AB00", "é0", "+1+2"] {
            assert_eq!(decode_lower::<2>(text), None, "{text}");
        }
    }
}
