//! The header `tracestate`: a list of `key=value`, of which nothing is understood here.
//! It is passed on whole, or not at all.

/// The most entries.
const MOST: usize = 32;

/// The list without white space round its entries. `None`: it is not one, or empty.
pub(super) fn checked(text: &str) -> Option<String> {
    let mut keys: Vec<&str> = Vec::new();
    let mut list = String::new();
    let entries = text.split(',').map(|it| it.trim_matches([' ', '\t']));
    for entry in entries.filter(|it| !it.is_empty()) {
        let (key, value) = entry.split_once('=')?;
        let fits = is_key(key.as_bytes()) && is_value(value.as_bytes());
        if !fits || keys.len() == MOST || keys.contains(&key) {
            return None;
        }
        keys.push(key);
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(entry);
    }
    (!list.is_empty()).then_some(list)
}

/// `vendor`, or `tenant@vendor`.
fn is_key(key: &[u8]) -> bool {
    let rest = |rest: &[u8]| rest.iter().all(|it| is_key_character(*it));
    match key.iter().position(|it| *it == b'@') {
        None => key.len() <= 256 && key.first().is_some_and(u8::is_ascii_lowercase) && rest(key),
        Some(at) => {
            let (tenant, vendor) = (&key[..at], &key[at + 1..]);
            let begins = |it: &u8| it.is_ascii_lowercase() || it.is_ascii_digit();
            let is_tenant = tenant.len() <= 241 && tenant.first().is_some_and(begins);
            let is_vendor =
                vendor.len() <= 14 && vendor.first().is_some_and(u8::is_ascii_lowercase);
            is_tenant && is_vendor && rest(tenant) && rest(vendor)
        }
    }
}

fn is_key_character(it: u8) -> bool {
    it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, b'_' | b'-' | b'*' | b'/')
}

/// Printable, without comma and `=`, not ending with a space.
fn is_value(value: &[u8]) -> bool {
    let is_fit = |it: &u8| matches!(it, b' '..=b'~') && !matches!(it, b',' | b'=');
    let ends = value.last().is_some_and(|it| *it != b' ');
    ends && value.len() <= 256 && value.iter().all(is_fit)
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn lists_are_taken_as_the_recommendation_writes_them() {
        for (text, list) in [
            (
                "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
                "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
            ),
            (" a=1 ,\t,b=x y", "a=1,b=x y"),
            ("0tenant@vendor=1,*a", ""),
            (
                "fw529a3039@dt=FfffffffffffffffffffffffffffffffffffffFF",
                "fw529a3039@dt=FfffffffffffffffffffffffffffffffffffffFF",
            ),
        ] {
            assert_eq!(checked(text).unwrap_or_default(), list, "{text}");
        }
    }

    #[test]
    fn lists_that_break_a_rule_are_none() {
        let long_key = format!("a{}=1", "b".repeat(256));
        let long_value = format!("a={}", "b".repeat(257));
        let many: Vec<_> = (0..33).map(|n| format!("k{n}=1")).collect();
        let many = many.join(",");
        for text in [
            "",
            " , ",
            "a",
            "=1",
            "a=",
            "A=1",
            "0a=1",
            "a=b=c",
            "a=\u{e9}",
            "a=1\n",
            "a b=1",
            "a=1,a=2",
            "@v=1",
            "t@=1",
            "t@V=1",
            "t@vendorvendorven=1",
            &long_key,
            &long_value,
            &many,
        ] {
            assert_eq!(checked(text), None, "{text:?}");
        }
    }
}
