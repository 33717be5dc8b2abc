//! Keys that a service hands out for some hours.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Url};
use serde::Deserialize;

use super::places::Environment;
use super::{Held, time};
use crate::net::ProxyRules;
use crate::storage::object::s3::answer::tag;

/// The metadata service of a machine is near or not there at all.
const NEAR: Duration = Duration::from_secs(1);
const FAR: Duration = Duration::from_secs(10);

/// Keys as containers and machines are told them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<String>,
}

impl Told {
    fn read(text: &str) -> Result<Held, String> {
        // The error of the parser might quote what it found.
        let told: Self = serde_json::from_str(text).map_err(|_| "its answer has no keys")?;
        let ends = told.expiration.as_deref().and_then(time::read);
        let token = told.token.as_deref();
        Ok(Held::new(
            &told.access_key_id,
            &told.secret_access_key,
            token,
            ends,
        ))
    }
}

/// For a service that may be behind a proxy.
fn client(url: &Url) -> Result<Client, String> {
    let proxies = ProxyRules::from_env().for_reqwest(url.as_str());
    let proxies = proxies.map_err(|error| error.to_string())?;
    let client = Client::builder().timeout(FAR).proxy(proxies);
    client.build().map_err(|error| error.to_string())
}

/// Without going through a proxy: these addresses are of this machine.
fn near_client() -> Result<Client, String> {
    let client = Client::builder().timeout(NEAR).no_proxy();
    client.build().map_err(|error| error.to_string())
}

async fn text(request: RequestBuilder) -> Result<String, String> {
    let told = |error: reqwest::Error| error.without_url().to_string();
    let answer = request.send().await.map_err(told)?;
    let answer = answer.error_for_status().map_err(told)?;
    answer.text().await.map_err(told)
}

/// `AssumeRoleWithWebIdentity` of the security token service.
pub(super) async fn web_identity(environment: &Environment, region: &str) -> Result<Held, String> {
    let var = |name| environment.get(name).unwrap_or_default();
    let file = var("AWS_WEB_IDENTITY_TOKEN_FILE");
    let token = std::fs::read_to_string(file)
        .map_err(|error| format!("AWS_WEB_IDENTITY_TOKEN_FILE: {error}"))?;
    let service = match environment.get("AWS_ENDPOINT_URL_STS") {
        Some(url) => url.to_owned(),
        None => format!("https://sts.{region}.amazonaws.com/"),
    };
    let name = environment
        .get("AWS_ROLE_SESSION_NAME")
        .unwrap_or("axon-worker");
    let mut url = Url::parse(&service).map_err(|error| format!("AWS_ENDPOINT_URL_STS: {error}"))?;
    url.query_pairs_mut()
        .append_pair("Action", "AssumeRoleWithWebIdentity")
        .append_pair("Version", "2011-06-15")
        .append_pair("RoleArn", var("AWS_ROLE_ARN"))
        .append_pair("RoleSessionName", name)
        .append_pair("WebIdentityToken", token.trim());
    // The token goes in the body, not in an address that ends up in logs.
    let form = url.query().unwrap_or_default().to_owned();
    url.set_query(None);
    let request = client(&url)?
        .post(url)
        .body(form)
        .header("content-type", "application/x-www-form-urlencoded");
    let xml = text(request)
        .await
        .map_err(|reason| format!("the security token service: {reason}"))?;
    let part = |name| tag(&xml, name).ok_or("the security token service sent no keys");
    let ends = tag(&xml, "Expiration").and_then(time::read);
    let (access, secret) = (part("AccessKeyId")?, part("SecretAccessKey")?);
    Ok(Held::new(access, secret, Some(part("SessionToken")?), ends))
}

/// The service beside a container.
pub(super) async fn container(environment: &Environment) -> Result<Held, String> {
    let url = match environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        Some(path) => format!("http://169.254.170.2{path}"),
        None => full_uri(environment)?,
    };
    let mut request = near_client()?.get(url);
    let file = environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    let token = match file {
        Some(file) => Some(
            std::fs::read_to_string(file)
                .map_err(|error| format!("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: {error}"))?,
        ),
        None => environment
            .get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
            .map(str::to_owned),
    };
    if let Some(token) = token {
        request = request.header("authorization", token.trim());
    }
    let text = text(request)
        .await
        .map_err(|reason| format!("the container's key service: {reason}"))?;
    Told::read(&text)
}

/// Over plain HTTP the token goes to this machine only.
fn full_uri(environment: &Environment) -> Result<String, String> {
    const NAME: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    let text = environment.get(NAME).unwrap_or_default();
    let url = Url::parse(text).map_err(|error| format!("{NAME}: {error}"))?;
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    let near = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"].map(str::parse);
    let is_near = host == "localhost"
        || address.is_ok_and(|address| address.is_loopback() || near.contains(&Ok(address)));
    if url.scheme() == "https" || is_near {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{NAME} must be https, or a service on this machine"
        ))
    }
}

/// The metadata service, version 2.
pub(super) async fn machine(environment: &Environment) -> Result<Held, String> {
    let base = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    let base = base
        .unwrap_or("http://169.254.169.254")
        .trim_end_matches('/');
    let client = near_client()?;
    let told = |reason| format!("the machine's metadata service: {reason}");
    let token = client
        .put(format!("{base}/latest/api/token"))
        .header("x-aws-ec2-metadata-token-ttl-seconds", "21600");
    let token = text(token).await.map_err(told)?;
    let get = |path: String| {
        let request = client.get(format!(
            "{base}/latest/meta-data/iam/security-credentials/{path}"
        ));
        text(request.header("x-aws-ec2-metadata-token", token.trim()))
    };
    let roles = get(String::new()).await.map_err(told)?;
    let role = roles.lines().next().unwrap_or_default().trim().to_owned();
    Told::read(&get(role).await.map_err(told)?)
}
