//! The hosts that are reached without a proxy.

use std::net::IpAddr;

use crate::net::target::without_brackets;

/// The entries of `NO_PROXY`.
#[derive(Debug, Clone, Default)]
pub(super) struct NoProxy(Vec<Entry>);

#[derive(Debug, Clone)]
struct Entry {
    host: Pattern,
    /// `None`: all of them.
    port: Option<u16>,
}

#[derive(Debug, Clone)]
enum Pattern {
    All,
    /// In lower case, without dots at its ends.
    Domain(String),
    /// The addresses that begin with the same bits as this one.
    Block(IpAddr, u32),
}

impl NoProxy {
    /// Reads a list. Entries that mean nothing match nothing, as with curl.
    pub(super) fn parse(list: &str) -> Self {
        let entries = list.split(|c: char| c == ',' || c.is_whitespace());
        Self(entries.filter_map(Entry::parse).collect())
    }

    /// Whether the list has this host, which is in lower case and without brackets.
    pub(super) fn matches(&self, host: &str, port: u16) -> bool {
        let address = host.parse().ok();
        let host = host.strip_suffix('.').unwrap_or(host);
        let mut entries = self.0.iter();
        entries.any(|entry| {
            entry.port.is_none_or(|its| its == port) && entry.host.matches(host, address)
        })
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        let any = |host| Some(Self { host, port: None });
        if text.is_empty() {
            return None;
        }
        if text == "*" {
            return any(Pattern::All);
        }
        if let Some((address, bits)) = text.split_once('/') {
            return any(Pattern::block(address, bits.parse().ok()?)?);
        }
        if let Some(address) = address(text) {
            return any(Pattern::Block(address, u32::MAX));
        }

        // What is left has colons before a port only.
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (text, None),
        };
        let host = match (host, address(host)) {
            ("*", _) => Pattern::All,
            (_, Some(address)) => Pattern::Block(address, u32::MAX),
            (name, None) => Pattern::domain(name)?,
        };
        Some(Self { host, port })
    }
}

impl Pattern {
    fn block(network: &str, bits: u32) -> Option<Self> {
        let network = address(network)?;
        let longest = if network.is_ipv4() { 32 } else { 128 };
        (bits <= longest).then_some(Self::Block(network, bits))
    }

    fn domain(name: &str) -> Option<Self> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let name = name.strip_prefix('.').unwrap_or(name);
        (!name.is_empty()).then(|| Self::Domain(name.to_ascii_lowercase()))
    }

    fn matches(&self, host: &str, address: Option<IpAddr>) -> bool {
        match (self, address) {
            (Self::All, _) => true,
            (Self::Domain(domain), None) => {
                let rest = host.strip_suffix(domain.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            (Self::Block(network, bits), Some(address)) => same_bits(*network, address, *bits),
            (Self::Domain(_), Some(_)) | (Self::Block(..), None) => false,
        }
    }
}

fn address(text: &str) -> Option<IpAddr> {
    without_brackets(text).parse().ok()
}

/// Whether two addresses of one family begin with the same bits.
fn same_bits(one: IpAddr, other: IpAddr, bits: u32) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (one.to_bits() ^ other.to_bits()).leading_zeros() >= bits.min(32)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            (one.to_bits() ^ other.to_bits()).leading_zeros() >= bits.min(128)
        }
        _ => false,
    }
}

/// Whether a list has a host.
#[cfg(fuzzing)]
pub(crate) fn matches(list: &str, host: &str, port: u16) -> bool {
    NoProxy::parse(list).matches(host, port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(list: &str, host: &str) -> bool {
        NoProxy::parse(list).matches(host, 443)
    }

    #[test]
    fn a_domain_is_itself_and_all_below_it() {
        for list in ["example.com", ".example.com", "example.com.", "EXAMPLE.com"] {
            for host in [
                "example.com",
                "www.example.com",
                "a.b.example.com",
                "example.com.",
            ] {
                assert!(matches(list, host), "{list} {host}");
            }
            for host in [
                "nonexample.com",
                "example.com.evil",
                "com",
                "xample.com",
                "10.0.0.1",
            ] {
                assert!(!matches(list, host), "{list} {host}");
            }
        }
    }

    #[test]
    fn entries_are_separated_by_commas_or_spaces() {
        for list in ["a,b", " a , b ", "a b", ",,a,,b,,", "a,\tb"] {
            assert!(matches(list, "a") && matches(list, "b"), "{list:?}");
            assert!(!matches(list, "c"), "{list:?}");
        }
        for list in [
            "",
            " ",
            ",",
            ".",
            "..",
            "/8",
            "a/8",
            "10.0.0.0/33",
            "::/129",
            "a:b",
        ] {
            assert!(
                !matches(list, "a") && !matches(list, "10.0.0.1"),
                "{list:?}"
            );
        }
        assert!(matches("*", "a") && matches("a,*", "10.0.0.1") && matches("*", "::1"));
    }

    #[test]
    fn addresses_match_addresses_and_blocks() {
        for (list, host) in [
            ("127.0.0.1", "127.0.0.1"),
            ("10.0.0.0/8", "10.255.1.2"),
            ("192.168.1.128/25", "192.168.1.200"),
            ("0.0.0.0/0", "8.8.8.8"),
            ("10.1.2.3/32", "10.1.2.3"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("fd00::/8", "fd12::5"),
            ("0:0:0:0:0:0:0:1", "::1"),
        ] {
            assert!(matches(list, host), "{list} {host}");
        }
        for (list, host) in [
            ("10.0.0.0/8", "11.0.0.1"),
            ("192.168.1.128/25", "192.168.1.127"),
            ("10.0.0.0/8", "fd00::1"),
            ("::/0", "10.0.0.1"),
            ("10.0.0.0/8", "ten.example.com"),
            ("1", "127.0.0.1"),
            ("0.0.1", "127.0.0.1"),
        ] {
            assert!(!matches(list, host), "{list} {host}");
        }
    }

    #[test]
    fn an_entry_with_a_port_is_for_this_port() {
        for list in ["a:443", ".a:443", "10.0.0.1:443", "[::1]:443", "*:443"] {
            let rules = NoProxy::parse(list);
            let host = ["a", "10.0.0.1", "::1"]
                .into_iter()
                .find(|host| rules.matches(host, 443));
            let host = host.expect(list);
            assert!(!rules.matches(host, 80), "{list}");
        }
    }

    proptest! {
        #[test]
        fn any_list_can_be_read(list in ".{0,80}", host in ".{0,40}", port: u16) {
            let _ = NoProxy::parse(&list).matches(&host, port);
        }

        #[test]
        fn a_host_in_the_list_is_found(
            before in "[a-z.,0-9/:]{0,20}", host in "[a-z]{1,8}(\\.[a-z]{1,8}){0,3}", port: u16,
        ) {
            let list = format!("{before},{host}");
            let below = format!("x.{host}");
            prop_assert!(NoProxy::parse(&list).matches(&host, port));
            prop_assert!(NoProxy::parse(&list).matches(&below, port));
        }

        #[test]
        fn a_block_has_the_addresses_that_share_its_bits(
            network: u32, address: u32, bits in 0_u32..=32,
        ) {
            let is_inside = bits == 0 || network >> (32 - bits) == address >> (32 - bits);
            let (network, address) = (network.to_be_bytes(), address.to_be_bytes());
            let list = format!("{}/{bits}", IpAddr::from(network));
            let host = IpAddr::from(address).to_string();
            prop_assert_eq!(NoProxy::parse(&list).matches(&host, 1), is_inside);
        }
    }
}
