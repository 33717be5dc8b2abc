//! One address of a collector: requests, tried again as the specification says, and what
//! the log tells of it.

use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use flate2::{Compression, write::GzEncoder};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use tokio::sync::OnceCell;
use tracing::{info, warn};

use crate::config::OtlpSettings;
use crate::net::ProxyRules;

/// The first wait before an export is tried again.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Sends to one address.
pub(super) struct Sender {
    /// `traces` or `metrics`.
    what: &'static str,
    url: String,
    headers: HeaderMap,
    gzip: bool,
    limit: Duration,
    client: OnceCell<Client>,
    outage: Mutex<Outage>,
    /// Somebody waits for the end: nothing is tried twice.
    hurry: Arc<AtomicUsize>,
}

/// The address and nothing else: headers are secret.
impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Since when exports fail, and how many have failed.
#[derive(Debug, Default)]
struct Outage(Option<(Instant, u64)>);

/// What came of one request.
enum Answer {
    Taken,
    /// Perhaps later, and not before that time.
    Later(String, Option<Duration>),
    /// Never.
    Refused(String),
}

impl Sender {
    pub(super) fn new(
        what: &'static str,
        url: String,
        settings: &OtlpSettings,
        hurry: Arc<AtomicUsize>,
    ) -> Self {
        let pairs = settings.header_pairs();
        let headers = pairs.iter().filter_map(|(name, value)| {
            let mut value: reqwest::header::HeaderValue = value.parse().ok()?;
            value.set_sensitive(true);
            Some((name.parse::<reqwest::header::HeaderName>().ok()?, value))
        });
        Self {
            what,
            url,
            headers: headers.collect(),
            gzip: settings.gzip,
            limit: settings.timeout,
            client: OnceCell::new(),
            outage: Mutex::default(),
            hurry,
        }
    }

    /// Sends a message; `false`: it did not arrive. Ends within the limit of an export.
    pub(super) async fn send(&self, message: Vec<u8>) -> bool {
        let body = if self.gzip { packed(&message) } else { message };
        let mut failure = "it does not answer in time".to_owned();
        let whole = self.until_answered(body, &mut failure);
        let sent = matches!(tokio::time::timeout(self.limit, whole).await, Ok(true));
        self.note(sent, &failure);
        sent
    }

    async fn until_answered(&self, body: Vec<u8>, failure: &mut String) -> bool {
        let body = bytes::Bytes::from(body);
        let mut wait = FIRST_WAIT;
        loop {
            let after = match self.request(body.clone()).await {
                Answer::Taken => return true,
                Answer::Refused(why) => {
                    *failure = why;
                    return false;
                }
                Answer::Later(why, after) => {
                    *failure = why;
                    after
                }
            };
            // While it is away nothing is tried twice: the next export is the next attempt.
            if self.is_out() || self.hurry.load(Ordering::Relaxed) > 0 {
                return false;
            }
            let jittered = wait.mul_f64(0.5 + fastrand::f64() / 2.0);
            tokio::time::sleep(after.unwrap_or(jittered)).await;
            wait *= 2;
        }
    }

    async fn request(&self, body: bytes::Bytes) -> Answer {
        let made = async || client(&self.url);
        let client = match self.client.get_or_try_init(made).await {
            Ok(client) => client,
            Err(reason) => return Answer::Refused(reason),
        };
        let mut request = client
            .post(&self.url)
            .header(CONTENT_TYPE, "application/x-protobuf")
            .headers(self.headers.clone());
        if self.gzip {
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        match request.body(body).send().await {
            Ok(response) => answer(response).await,
            Err(error) => Answer::Later(causes(&error.without_url()), None),
        }
    }

    fn is_out(&self) -> bool {
        self.outage().0.is_some()
    }

    /// An outage is told when it begins and when it ends.
    fn note(&self, sent: bool, failure: &str) {
        let (what, url) = (self.what, self.url.as_str());
        let mut outage = self.outage();
        match (&mut outage.0, sent) {
            (Some((since, lost)), true) => {
                let seconds = since.elapsed().as_secs_f64();
                info!(
                    what,
                    url, lost, seconds, "the OTLP collector takes exports again"
                );
                outage.0 = None;
            }
            (Some((_, lost)), false) => *lost += 1,
            (none, false) => {
                *none = Some((Instant::now(), 1));
                warn!(
                    what,
                    url,
                    error = failure,
                    "cannot export to the OTLP collector; said once, until it works again"
                );
            }
            (None, true) => {}
        }
    }

    fn outage(&self) -> std::sync::MutexGuard<'_, Outage> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client whose proxies are those of the environment, as for all connections of a worker.
fn client(url: &str) -> Result<Client, String> {
    let proxies = ProxyRules::from_env().for_reqwest(url);
    let client = Client::builder()
        .proxy(proxies.map_err(|error| error.to_string())?)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("axon-worker/", env!("CARGO_PKG_VERSION")));
    client.build().map_err(|error| error.to_string())
}

async fn answer(response: Response) -> Answer {
    let status = response.status();
    if status.is_success() {
        // Read to the end, so that the connection can be used again.
        let mut response = response;
        while let Ok(Some(_)) = response.chunk().await {}
        return Answer::Taken;
    }
    let why = format!("it answers {status}");
    let later = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    if later.contains(&status) {
        let after = response.headers().get(RETRY_AFTER);
        let after = after.and_then(|it| it.to_str().ok()?.trim().parse().ok());
        Answer::Later(why, after.map(Duration::from_secs))
    } else {
        Answer::Refused(why)
    }
}

/// The error with its causes, for the first one says little.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn packed(message: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = packer.write_all(message).and_then(|()| packer.finish());
    packed.expect("writing to memory does not fail")
}
