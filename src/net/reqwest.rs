//! The same rules for clients of reqwest, which has rules of its own for the environment.

use std::sync::Arc;

use super::error::NetError;
use super::proxy::{ProxyRoute, ProxyRules};

impl ProxyRules {
    /// The rules for a client that mostly speaks to this URL. reqwest reads no proxies from
    /// the environment in a client that has this.
    ///
    /// Plain `http://` is sent to the proxy in the absolute form, as curl sends it, and
    /// `https://` through a tunnel.
    ///
    /// # Errors
    /// As [`ProxyRules::route`] for this URL. Other URLs that would use a variable with a
    /// wrong value go without a proxy.
    pub(crate) fn for_reqwest(self: Arc<Self>, url: &str) -> Result<reqwest::Proxy, NetError> {
        self.route(url)?;
        Ok(reqwest::Proxy::custom(move |url| {
            match self.route(url.as_str()) {
                Ok(ProxyRoute::Through(proxy)) => Some(proxy.secret_url()),
                Ok(ProxyRoute::Direct) | Err(_) => None,
            }
        }))
    }
}
