//! Which connections go through a proxy: the variables that curl reads.

mod no_proxy;
mod url;

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::sync::{Arc, OnceLock};

pub use url::Proxy;

use self::no_proxy::NoProxy;
use super::error::NetError;
use super::target::Target;

#[cfg(fuzzing)]
pub(crate) use no_proxy::matches as no_proxy_matches;

/// The proxy rules of the environment, read as curl reads them:
///
/// - `http_proxy` is for `http://` and `ws://`, `https_proxy` for `https://` and `wss://`,
///   `all_proxy` for both. Lower case wins over upper case, an empty value is none.
/// - curl does not read `HTTP_PROXY` in upper case, because a CGI program gets the header
///   `Proxy` of a request under this name. It is read here, unless `REQUEST_METHOD` says
///   that this is one.
/// - A proxy is `http://[user:password@]host[:port]`; `http://` may be left out, the port is
///   1080 then, and user and password are percent-encoded. `https://` and `socks5://` are
///   refused when the first connection would use them.
/// - `no_proxy` lists the hosts without a proxy, separated by commas or spaces:
///   `example.com` and `.example.com` are this domain and all below it, `10.0.0.0/8` and
///   `fd00::/8` are blocks of addresses, `example.com:8080` is one port of a host, and `*`
///   is everything. Names are not looked up to be compared with blocks. Loopback addresses
///   are no exception: list `localhost,127.0.0.0/8,::1` if they are to be one.
#[derive(Debug, Clone, Default)]
pub struct ProxyRules {
    http: Option<Result<Proxy, BadProxy>>,
    https: Option<Result<Proxy, BadProxy>>,
    none: NoProxy,
}

/// A variable whose value is not used.
#[derive(Debug, Clone, Copy)]
struct BadProxy {
    variable: &'static str,
    reason: &'static str,
}

/// The way to a host.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ProxyRoute {
    /// Without a proxy.
    Direct,
    /// Through this one.
    Through(Proxy),
}

/// For a line of a report; passwords are left out.
impl fmt::Display for ProxyRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("direct"),
            Self::Through(proxy) => write!(f, "through {proxy}"),
        }
    }
}

impl ProxyRules {
    /// The rules of the environment of this process, which is read once.
    pub fn from_env() -> Arc<Self> {
        static RULES: OnceLock<Arc<ProxyRules>> = OnceLock::new();
        let read = || {
            let vars = env::vars_os().filter_map(|(name, value)| {
                // Others are not of interest, and this one cannot be a URL or a list.
                Some((name.into_string().ok()?, value.into_string().ok()?))
            });
            Arc::new(Self::from_vars(vars))
        };
        RULES.get_or_init(read).clone()
    }

    /// The rules of these variables, and no others.
    pub fn from_vars(vars: impl IntoIterator<Item = (String, String)>) -> Self {
        let vars: BTreeMap<_, _> = vars.into_iter().collect();
        let is_cgi = vars.contains_key("REQUEST_METHOD");
        let first = |names: &[&'static str]| {
            names.iter().copied().find_map(|name| {
                let value = vars.get(name)?.trim();
                let is_read = !value.is_empty() && (!is_cgi || name != "HTTP_PROXY");
                is_read.then_some((name, value))
            })
        };
        let proxy = |names: &[&'static str]| {
            let (variable, text) = first(names)?;
            let proxy = Proxy::parse(variable, text);
            Some(proxy.map_err(|reason| BadProxy { variable, reason }))
        };

        let list = first(&["no_proxy", "NO_PROXY"]);
        Self {
            http: proxy(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]),
            https: proxy(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            none: list.map_or_else(NoProxy::default, |(_, list)| NoProxy::parse(list)),
        }
    }

    /// Returns the way to the host of a URL with `http`, `https`, `ws` or `wss`.
    ///
    /// # Errors
    /// When the URL has no host, or the variable that decides names something that cannot
    /// be used as a proxy.
    pub fn route(&self, url: &str) -> Result<ProxyRoute, NetError> {
        let uri = url.parse().ok();
        let target = uri.as_ref().and_then(Target::of).ok_or(NetError::NoHost)?;
        self.route_to(&target)
    }

    pub(super) fn route_to(&self, target: &Target) -> Result<ProxyRoute, NetError> {
        let proxy = if target.is_secure() {
            &self.https
        } else {
            &self.http
        };
        match proxy {
            None => Ok(ProxyRoute::Direct),
            Some(_) if self.none.matches(target.host(), target.port()) => Ok(ProxyRoute::Direct),
            Some(Ok(proxy)) => Ok(ProxyRoute::Through(proxy.clone())),
            Some(Err(bad)) => Err(NetError::BadProxy {
                variable: bad.variable,
                reason: bad.reason,
            }),
        }
    }
}
