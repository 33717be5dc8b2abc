//! What the worker tells orchestrators of itself.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::Duration;

use super::control::Plan;
use crate::storage::s3_config_hash;
use crate::transport::WorkerCard;

/// How long finding out our own address may take.
const LOOK_UP: Duration = Duration::from_millis(500);

pub(super) async fn card(plan: &Plan) -> WorkerCard {
    let settings = &plan.settings;
    let url = settings
        .orchestrators
        .first()
        .map_or("", |first| first.url.as_str());
    WorkerCard {
        worker_id: settings.worker_id.clone(),
        worker_type: settings.worker_type.clone(),
        tasks: plan.registry.entries(),
        resources: settings.resources.clone(),
        installed_software: settings.installed_software.clone(),
        installed_models: settings.installed_models.clone(),
        cost_per_skill: settings.cost_per_skill.clone(),
        skill_dependencies: plan.skill_dependencies.clone(),
        max_concurrent_tasks: settings.intake.max_concurrent_tasks,
        storage_hash: s3_config_hash(&settings.storage),
        hostname: hostname(),
        ip_address: own_address(url).await.to_string(),
        extra: settings.extra.clone(),
        takes_commands: settings.enable_websockets,
    }
}

pub(crate) fn hostname() -> String {
    let of_kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = of_kernel
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_default();
    match name.trim() {
        "" => "unknown".to_owned(),
        name => name.to_owned(),
    }
}

/// The address from which we reach an orchestrator. Nothing is sent: connecting a
/// UDP socket only looks up the route.
async fn own_address(url: &str) -> IpAddr {
    let authority = url
        .split("://")
        .nth(1)
        .unwrap_or(url)
        .split('/')
        .next()
        .unwrap_or("");
    let host = if authority
        .rsplit(']')
        .next()
        .is_some_and(|end| end.contains(':'))
    {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let look_up = async {
        let to = tokio::net::lookup_host(host).await.ok()?.next()?;
        let any: IpAddr = if to.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            "::".parse().ok()?
        };
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect(to).ok()?;
        socket.local_addr().ok().map(|address| address.ip())
    };
    tokio::time::timeout(LOOK_UP, look_up)
        .await
        .ok()
        .flatten()
        .unwrap_or(Ipv4Addr::LOCALHOST.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_rt::test]
    async fn a_local_orchestrator_is_reached_from_here() {
        for url in [
            "http://127.0.0.1:8080",
            "http://127.0.0.1",
            "https://127.0.0.1:1/base",
            "",
        ] {
            assert_eq!(
                own_address(url).await,
                IpAddr::from(Ipv4Addr::LOCALHOST),
                "{url}"
            );
        }
    }
}
