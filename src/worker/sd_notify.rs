//! What systemd wants to hear of a service of `Type=notify`, and its watchdog.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tracing::warn;

/// The way to the service manager.
pub(super) struct Notifier {
    manager: Option<(UnixDatagram, SocketAddr)>,
    /// How often the watchdog is to be fed.
    feed_every: Option<Duration>,
}

impl Notifier {
    /// As the environment says: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub(super) fn from_env() -> Self {
        let watchdog = std::env::var("WATCHDOG_USEC").ok();
        let pid = std::env::var("WATCHDOG_PID").ok();
        Self::new(
            std::env::var_os("NOTIFY_SOCKET"),
            feed_every(watchdog.as_deref(), pid.as_deref(), std::process::id()),
        )
    }

    fn new(socket: Option<OsString>, feed_every: Option<Duration>) -> Self {
        let manager = socket.filter(|path| !path.is_empty()).and_then(|path| {
            let connected = address(path.as_bytes()).and_then(|address| {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                Ok((socket, address))
            });
            connected
                .inspect_err(|error| warn!(%error, "NOTIFY_SOCKET cannot be used"))
                .ok()
        });
        Self {
            feed_every: feed_every.filter(|_| manager.is_some()),
            manager,
        }
    }

    /// Tells the service manager this. Never waits.
    pub(super) fn tell(&self, state: &str) {
        if let Some((socket, address)) = &self.manager
            && let Err(error) = socket.send_to_addr(state.as_bytes(), address)
        {
            warn!(%error, state, "the service manager cannot be told");
        }
    }

    /// How often the watchdog is to be fed, if there is one.
    pub(super) fn feed_every(&self) -> Option<Duration> {
        self.feed_every
    }
}

/// The address of a socket, which is an abstract one if it begins with `@`.
fn address(path: &[u8]) -> std::io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = path.strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt;
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(path))
}

/// Half of the time after which the watchdog of this process bites.
fn feed_every(micros: Option<&str>, pid: Option<&str>, own_pid: u32) -> Option<Duration> {
    let is_ours = pid.is_none_or(|pid| pid.parse() == Ok(own_pid));
    let micros: u64 = micros.filter(|_| is_ours)?.parse().ok()?;
    (micros > 0).then(|| Duration::from_micros(micros) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_of_this_process_is_fed_twice_as_often_as_it_bites() {
        let second = Some(Duration::from_secs(1));
        assert_eq!(feed_every(Some("2000000"), None, 7), second);
        assert_eq!(feed_every(Some("2000000"), Some("7"), 7), second);
        for (micros, pid) in [(None, None), (Some("x"), None), (Some("0"), None)] {
            assert_eq!(feed_every(micros, pid, 7), None);
        }
        assert_eq!(feed_every(Some("2000000"), Some("8"), 7), None);
    }

    #[test]
    fn a_socket_with_a_path_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        Notifier::new(Some(path.into()), None).tell("READY=1");
        let mut heard = [0; 64];
        let length = manager.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"READY=1");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_abstract_socket_is_told() {
        use std::os::linux::net::SocketAddrExt;
        let name = format!("axon-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        Notifier::new(Some(format!("@{name}").into()), None).tell("STOPPING=1");
        let mut heard = [0; 64];
        let length = manager.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"STOPPING=1");
    }

    #[test]
    fn without_a_service_manager_nothing_happens() {
        let notifier = Notifier::new(None, Some(Duration::from_secs(1)));
        notifier.tell("READY=1");
        assert_eq!(notifier.feed_every(), None);
    }
}
