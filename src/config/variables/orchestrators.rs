//! Who the worker is, and whom it serves: orchestrators, controllers, and how it shows itself to them.

use super::{RXON_VERSION_WORDS, RXON_VERSIONS, SECONDS, SOME_SECONDS, SWITCH, Variable, whole};
use crate::config::draft::Draft;
use crate::config::kind::Kind;
use crate::config::{AccessTokens, Token, orchestrators};

const MODES: Kind = Kind::OneOf(&["FAILOVER", "ROUND_ROBIN", "WATERFALL"]);
const LIST: Kind = Kind::Json {
    shape: "a list of objects with url, priority, weight, token, rxon_version",
    lenient: true,
};

fn token(draft: &mut Draft, token: Token) {
    draft.worker_token = Some(token);
}

fn hosts(text: &str) -> Vec<String> {
    let names = text.split(',').map(str::trim);
    let names = names.filter(|name| !name.is_empty());
    names.map(str::to_lowercase).collect()
}

pub(super) const ORCHESTRATORS: &[Variable] = table! {
    "WORKER_ID" "worker_id" "(random)" Kind::Identifier
        => Id |d, v| { d.settings.worker_id = v; d.settings.worker_id_is_fixed = true; },
        "Name of this worker, unique at its orchestrators; without it `worker-` and a random UUID.";
    "WORKER_TYPE" "worker_type" "generic-cpu-worker" Kind::Text
        => Text |d, v| d.settings.worker_type = v,
        "Type of this worker; what the program itself says wins.";
    "WORKER_PORT" "worker_port" "8083" whole(0, 65_535)
        => U16 |d, v| d.settings.worker_port = v,
        "Port of the health server; 0 takes any free one.";
    "WORKER_HOST" "worker_host" "(all, IPv6 and IPv4)" Kind::Address
        => Text |d, v| d.settings.worker_host = v.parse().ok(),
        "Address of this machine that the health server listens on.";
    "AXON_ALLOWED_HOSTS" "allowed_hosts" "(none)" Kind::Text
        => Text |d, v| d.settings.allowed_hosts = hosts(&v),
        "Names by which the health server may be asked, divided by commas, beyond addresses and local names; `*.example.com` is for all below, `*` for any.";
    "AXON_ADMIN_TOKEN" "admin_token" "(none)" Kind::Secret
        => Secret |d, v| d.settings.admin_token = (!v.expose().is_empty()).then_some(v),
        "Whoever has it may pause, drain and cancel over HTTP; without it nobody may.";

    "ORCHESTRATORS_CONFIG" "orchestrators" "(none)" LIST
        => Json orchestrators::read,
        "The orchestrators; `url` is required, `priority` is 10, `weight` 1, `token` the worker's and `rxon_version` that of all unless given.";
    "ORCHESTRATOR_URL" "orchestrator_url" "http://localhost:8080" Kind::OrchestratorUrl
        => Text |d, v| d.orchestrator_url = Some(v),
        "The one orchestrator, when `ORCHESTRATORS_CONFIG` is not set.";
    "MULTI_ORCHESTRATOR_MODE" "mode" "FAILOVER" MODES
        => Mode |d, v| d.settings.mode = v,
        "How polls are spread over several orchestrators.";
    "WORKER_INDIVIDUAL_TOKEN" "worker_token" "(none)" Kind::Secret
        => Secret token,
        "Token of this worker alone; wins over `WORKER_TOKEN`.";
    "WORKER_TOKEN" "worker_token" "your-secret-worker-token" Kind::Secret
        => Secret token,
        "Token shared by all workers. Everybody knows the default: set another.";
    "RXON_VERSION" "rxon.version" "auto" Kind::OneOf(RXON_VERSION_WORDS)
        => Choice |d, v| d.settings.rxon.version = RXON_VERSIONS[v].1,
        "Dialect of the orchestrators; `auto` finds out, for each of them.";
    "ORCHESTRATOR_SECRET_KEY" "rxon.task_secret" "(none)" Kind::Key
        => Secret |d, v| d.settings.rxon.task_secret = Some(v),
        "Secret that tasks are signed with; with it, signatures of tasks are verified.";
    "REQUIRE_TASK_SIGNATURE" "rxon.require_task_signature" "true" Kind::Flag
        => Flag |d, v| d.settings.rxon.require_task_signature = v,
        "With a secret, whether tasks without a signature are refused.";
    "WORKER_TELEMETRY_DEADBAND" "rxon.telemetry_deadband" "5" Kind::Number { min: 0 }
        => Number |d, v| d.settings.rxon.telemetry_deadband = v,
        "Usage is told again when a load moved by more points than this, or memory by more percent.";
    "WORKER_TELEMETRY_FORCE_INTERVAL" "rxon.telemetry_force_interval" "60" SECONDS
        => Seconds |d, v| d.settings.rxon.telemetry_force_interval = v,
        "Usage is told again after this time in any case.";
    "WORKER_ENABLE_WEBSOCKETS" "enable_websockets" "false" Kind::Flag
        => Flag |d, v| d.settings.enable_websockets = v,
        "Whether to open a command channel to each orchestrator.";
    "TLS_CA_PATH" "tls.ca_path" "(none)" Kind::Path
        => Text |d, v| d.settings.tls_ca_path = Some(v.into()),
        "Certificate authority of the orchestrators, PEM.";
    "AXON_TLS_CA_ONLY" "tls.ca_only" "false" Kind::Flag
        => Flag |d, v| d.settings.tls_ca_only = v,
        "Whether to trust `TLS_CA_PATH` alone, and not the authorities of the system.";
    "TLS_CERT_PATH" "tls.cert_path" "(none)" Kind::Path
        => Text |d, v| d.settings.tls_cert_path = Some(v.into()),
        "Client certificate of this worker, PEM; needs `TLS_KEY_PATH`.";
    "TLS_KEY_PATH" "tls.key_path" "(none)" Kind::Path
        => Text |d, v| d.settings.tls_key_path = Some(v.into()),
        "Key of the client certificate, PEM; needs `TLS_CERT_PATH`.";
    "AXON_ACCESS_TOKENS" "access_tokens" "auto" SWITCH
        => Choice |d, v| d.settings.access_tokens = [AccessTokens::Auto, AccessTokens::On, AccessTokens::Off][v],
        "Whether requests show access tokens that the orchestrator gives; `auto` does so over TLS when a TLS file is set.";

    "STRICT_EVENT_VALIDATION" "strict_event_validation" "true" Kind::Flag
        => Flag |d, v| d.settings.strict_event_validation = v,
        "Whether events that the contract of their handler does not declare are held back.";
    "DISTWORKER_CONTROLLER_URL" "distworker.controller_url" "(none)" Kind::ControllerUrl
        => Text |d, v| d.settings.distworker.controller_url = Some(v),
        "A DistWorker controller. Without `ORCHESTRATORS_CONFIG` and `ORCHESTRATOR_URL` it is the only one the worker serves.";
    "DISTWORKER_PROVISIONER" "distworker.provisioner" "(empty)" Kind::Text
        => Text |d, v| d.settings.distworker.provisioner = v,
        "Which provisioner of the controller the worker belongs to.";
    "DISTWORKER_WORKER_ID" "distworker.worker_id" "(empty)" Kind::Text
        => Text |d, v| d.settings.distworker.worker_id = v,
        "Id of the worker, if the controller gave it one; others are refused.";
    "DISTWORKER_WORKER_TOKEN" "distworker.worker_token" "(empty)" Kind::Key
        => Secret |d, v| d.settings.distworker.worker_token = v,
        "Token of that worker, or of the provisioner.";
    "DISTWORKER_CONNECTIONS" "distworker.connections" "1" whole(1, 1000)
        => Size |d, v| d.settings.distworker.connections = v,
        "Connections to the controller, of which each carries one task at a time; 1 with a worker id.";
    "DISTWORKER_HEARTBEAT_INTERVAL" "distworker.heartbeat_interval" "30" SOME_SECONDS
        => Seconds |d, v| d.settings.distworker.heartbeat_interval = v,
        "Time between two heartbeats to the controller.";
    "DISTWORKER_RECONNECT_INTERVAL" "distworker.reconnect_interval" "5" SOME_SECONDS
        => Seconds |d, v| d.settings.distworker.reconnect_interval = v,
        "First wait after a connection has ended; it doubles with every failure, up to half a minute.";
    "DISTWORKER_MAX_RECONNECT_ATTEMPTS" "distworker.max_reconnect_attempts" "-1" Kind::Attempts
        => Attempts |d, v| d.settings.distworker.max_reconnect_attempts = v,
        "Failures in a row before the worker gives up on the controller.";
    "DISTWORKER_IDLE_EXIT" "distworker.idle_exit" "true" Kind::Flag
        => Flag |d, v| d.settings.distworker.idle_exit = v,
        "Whether to leave when there was no task for as long as the controller says.";
};
