//! The orchestrators of the settings, and how their transports are made.

use super::control::Link;
use crate::config::{OrchestratorSettings, Settings};
use crate::id::OrchestratorId;
use crate::transport::rxon::{RxonSetup, SetupError, TlsFiles};

/// The orchestrators of a worker.
pub(super) struct Links {
    pub(super) links: Vec<Link>,
    /// Which of them stands for itself, whatever becomes of the others.
    pub(super) apart: Vec<OrchestratorId>,
}

impl Links {
    /// Those that the builder was given.
    pub(super) fn given(links: Vec<Link>) -> Self {
        let apart = Vec::new();
        Self { links, apart }
    }

    /// Those of the settings.
    pub(super) fn of(settings: &Settings, problems: &mut Vec<String>) -> Self {
        let (mut links, mut apart) = (Vec::new(), Vec::new());
        for orchestrator in &settings.orchestrators {
            match rxon_link(orchestrator, settings) {
                Ok(link) => links.push(link),
                Err(error) => problems.push(error.to_string()),
            }
        }
        match distworker_link(settings, links.is_empty()) {
            Some(Ok(link)) => {
                apart.push(OrchestratorId(links.len()));
                links.push(link);
            }
            Some(Err(error)) => problems.push(format!("DISTWORKER_CONTROLLER_URL: {error}")),
            None => {}
        }
        Self { links, apart }
    }
}

fn rxon_link(
    orchestrator: &OrchestratorSettings,
    settings: &Settings,
) -> std::result::Result<Link, SetupError> {
    let setup = RxonSetup::new(
        orchestrator,
        &settings.worker_id,
        &settings.timing,
        &TlsFiles::from(settings),
    )?
    .rxon(&settings.rxon)
    .access_tokens(settings.access_tokens);
    Ok(Link {
        name: orchestrator.url.clone(),
        priority: orchestrator.priority,
        weight: orchestrator.weight,
        make: Box::new(move |id| setup.open(id).into()),
    })
}

/// The link to a `DistWorker` controller, if there is one. `is_alone`: the worker has no
/// other orchestrator.
#[cfg(feature = "distworker")]
fn distworker_link(
    settings: &Settings,
    is_alone: bool,
) -> Option<std::result::Result<Link, SetupError>> {
    use crate::transport::distworker::DistWorkerSetup;

    settings.distworker.controller_url.as_ref()?;
    let timing = &settings.timing;
    let setup = DistWorkerSetup::new(&settings.distworker, timing, &TlsFiles::from(settings));
    Some(setup.map(|setup| {
        let setup = if is_alone {
            setup
        } else {
            setup.hold(timing.poll_timeout)
        };
        Link {
            name: setup.name(),
            priority: 1,
            weight: 1,
            make: Box::new(move |id| setup.open(id).into()),
        }
    }))
}

#[cfg(not(feature = "distworker"))]
fn distworker_link(
    settings: &Settings,
    _: bool,
) -> Option<std::result::Result<Link, &'static str>> {
    let url = settings.distworker.controller_url.as_ref();
    url.map(|_| Err("build axon-worker with the feature `distworker`"))
}
