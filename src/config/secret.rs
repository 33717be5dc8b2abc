//! A token that never prints, and follows its file.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tracing::{info, warn};

/// The shortest secret that is hidden in texts, in bytes. What is shorter stands in many a
/// text by chance, and hiding it there would make the text unreadable and tell the secret.
pub(crate) const SHORTEST_HIDDEN: usize = 6;

/// The most bytes of a file that holds one value.
const LARGEST_FILE: u64 = 1 << 20;

/// Secrets of this process that are in files.
static IN_FILES: Mutex<Vec<Weak<Secret>>> = Mutex::new(Vec::new());
/// Whether a thread reads them just now.
static IS_READING: AtomicBool = AtomicBool::new(false);

/// A secret text, such as a worker token. `Debug` and `Display` show `[REDACTED]`.
///
/// One that came from a file (`WORKER_TOKEN_FILE`) is read again by [`reload_secrets`]; all
/// clones follow.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Token(Arc<Secret>);

struct Secret {
    first: Version,
    file: Option<SecretFile>,
}

/// A text, and the one that has taken its place, so that a text can be lent for as long as
/// its token lives.
struct Version {
    text: SecretString,
    next: OnceLock<Box<Version>>,
}

/// Where a secret comes from, and what may be in it.
struct SecretFile {
    path: PathBuf,
    is_allowed: fn(&str) -> bool,
}

/// Reads again all secrets that came from files, and returns how many have changed. A file
/// that cannot be read changes nothing, and the log says so.
///
/// [`Worker::run`](crate::Worker::run) calls it on SIGHUP, and any worker when an orchestrator
/// refuses its token. It waits for the disk.
pub fn reload_secrets() -> usize {
    let in_files = || IN_FILES.lock().unwrap_or_else(PoisonError::into_inner);
    let secrets: Vec<_> = {
        let mut all = in_files();
        all.retain(|secret| secret.strong_count() > 0);
        all.iter().filter_map(Weak::upgrade).collect()
    };
    let changed = secrets.iter().filter(|secret| secret.reload()).count();
    if changed > 0 {
        info!(changed, "secrets have changed in their files");
    }
    changed
}

/// The same on a thread of its own, for those who must not wait.
pub(crate) fn reload_secrets_soon() {
    if !has_secrets_in_files() || IS_READING.swap(true, Ordering::AcqRel) {
        return;
    }

    let reading = thread::Builder::new()
        .name("axon-secrets".to_owned())
        .spawn(|| {
            reload_secrets();
            IS_READING.store(false, Ordering::Release);
        });
    if let Err(error) = reading {
        IS_READING.store(false, Ordering::Release);
        warn!(%error, "secrets in files are not read again");
    }
}

fn has_secrets_in_files() -> bool {
    let in_files = IN_FILES.lock().unwrap_or_else(PoisonError::into_inner);
    in_files.iter().any(|secret| secret.strong_count() > 0)
}

/// The text of a file, which may end with a line break.
pub(super) fn value_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(LARGEST_FILE)
        .read_to_string(&mut text)?;
    match text.trim() {
        "" => Err(io::Error::other("it is empty")),
        value => Ok(value.to_owned()),
    }
}

impl Token {
    /// A token that was read from a file and is to follow it, as far as what is there is
    /// allowed.
    pub(super) fn in_file(text: String, path: PathBuf, is_allowed: fn(&str) -> bool) -> Self {
        let file = SecretFile { path, is_allowed };
        let secret = Arc::new(Secret::new(text, Some(file)));
        let mut in_files = IN_FILES.lock().unwrap_or_else(PoisonError::into_inner);
        in_files.push(Arc::downgrade(&secret));
        Self(secret)
    }

    /// The secret itself, to be put on the wire and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.latest().0.expose_secret()
    }

    /// Counts how often the secret has changed, for those who keep something made from it.
    pub(crate) fn version(&self) -> usize {
        self.0.latest().1
    }

    /// Returns the text, which comes from outside, without this secret.
    pub(crate) fn hide_in(&self, text: String) -> String {
        let secret = self.expose();
        if secret.len() >= SHORTEST_HIDDEN && text.contains(secret) {
            text.replace(secret, "[REDACTED]")
        } else {
            text
        }
    }
}

impl Secret {
    fn new(text: String, file: Option<SecretFile>) -> Self {
        Self {
            first: Version::new(text),
            file,
        }
    }

    /// The text that holds now, and how many there were before.
    fn latest(&self) -> (&SecretString, usize) {
        let (mut version, mut before) = (&self.first, 0);
        while let Some(next) = version.next.get() {
            version = next;
            before += 1;
        }
        (&version.text, before)
    }

    /// Returns whether the secret has changed.
    fn reload(&self) -> bool {
        let Some(file) = &self.file else {
            return false;
        };
        let path = file.path.display();
        let text = match value_of(&file.path) {
            Ok(text) if (file.is_allowed)(&text) => text,
            Ok(_) => {
                warn!(%path, "secret not taken from its file: it holds letters that it must not");
                return false;
            }
            Err(error) => {
                warn!(%path, %error, "secret not read again");
                return false;
            }
        };
        if text == self.latest().0.expose_secret() {
            return false;
        }

        let mut version = &self.first;
        while let Some(next) = version.next.get() {
            version = next;
        }
        // Somebody else may have been quicker with the same text.
        version.next.set(Box::new(Version::new(text))).is_ok()
    }
}

impl Version {
    fn new(text: String) -> Self {
        Self {
            text: SecretString::from(text),
            next: OnceLock::new(),
        }
    }
}

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Token {
    fn from(text: String) -> Self {
        Self(Arc::new(Secret::new(text, None)))
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_and_its_clones_follow_its_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let write = |text: &str| std::fs::write(file.path(), text).unwrap();
        let token = Token::in_file("first".to_owned(), file.path().to_owned(), str::is_ascii);
        let clone = token.clone();
        let lent = token.expose();
        for (text, held, version) in [
            ("first\n", "first", 0),
            ("second\n", "second", 1),
            ("dritte-ß", "second", 1),
            (" \n", "second", 1),
            ("third", "third", 2),
        ] {
            write(text);
            reload_secrets();
            assert_eq!(
                (clone.expose(), clone.version()),
                (held, version),
                "{text:?}"
            );
        }
        assert_eq!(lent, "first", "what was lent stays as it was");

        std::fs::remove_file(file.path()).unwrap();
        reload_secrets();
        assert_eq!(token.expose(), "third");
        assert!(!format!("{token:?} {token}").contains("third"));
    }
}
