//! Variables that are not what they seem: misspelt, made by others, or in files.

use super::*;

#[test]
fn a_variable_that_is_almost_one_of_ours_is_a_warning_with_the_likely_name() {
    for (name, meant) in [
        ("MAX_CONCURRENT_TASK", "MAX_CONCURRENT_TASKS"),
        ("ORCHESTRATR_URL", "ORCHESTRATOR_URL"),
        ("WROKER_ID", "WORKER_ID"),
        ("S3_ENPOINT_URL", "S3_ENDPOINT_URL"),
        ("AXON_JURNAL", "AXON_JOURNAL"),
    ] {
        let told = warnings(&[(name, "1")]);
        let expected = format!("{name} is not known and has no effect: is {meant} meant?");
        assert_eq!(told, [expected]);
    }
    let told = warnings(&[("AXON_QUITE_ANOTHER", "1"), ("WORKER_COLOUR", "red")]);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|it| it.contains("not known")), "{told:?}");
}

#[test]
fn variables_of_others_are_left_alone() {
    let others = [
        ("PATH", "/bin"),
        ("SECRET_KEY", "of a web framework"),
        ("HOSTNAME", "h"),
        ("AWS_REGION", "r"),
        ("OTEL_LOGS_EXPORTER", "none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("AXON_TASK_ID", "t"),
        ("AXON_CLIENT_TOKEN", "c"),
        ("TZ", "UTC"),
    ];
    assert_eq!(warnings(&others), [""; 0]);
    assert_eq!(good(&others).rxon, Settings::default().rxon);
}

#[test]
fn addresses_of_kubernetes_services_are_no_settings() {
    let service =
        |name: &str| ["", "_8083_TCP", "_8083_TCP_ADDR"].map(|rest| format!("{name}_PORT{rest}"));
    let [port, tcp, address] = service("WORKER");
    let [extra_port, extra_tcp, extra_address] = service("WORKER_EXTRA_SIDECAR");
    let vars = [
        (port.as_str(), "tcp://10.96.0.12:8083"),
        (tcp.as_str(), "tcp://10.96.0.12:8083"),
        (address.as_str(), "10.96.0.12"),
        ("WORKER_SERVICE_HOST", "10.96.0.12"),
        ("WORKER_SERVICE_PORT", "8083"),
        ("WORKER_SERVICE_PORT_HTTP", "8083"),
        (extra_port.as_str(), "udp://10.96.0.13:1"),
        (extra_tcp.as_str(), "udp://10.96.0.13:1"),
        (extra_address.as_str(), "10.96.0.13"),
        ("WORKER_EXTRA_SIDECAR_SERVICE_HOST", "10.96.0.13"),
        ("WORKER_EXTRA_REGION", "north"),
    ];
    let settings = good(&vars);
    assert_eq!(settings.worker_port, 8083);
    assert_eq!(settings.extra.keys().collect::<Vec<_>>(), ["region"]);
    let told = warnings(&vars);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("enableServiceLinks"), "{told:?}");
    assert!(
        told[0].starts_with("WORKER_PORT, WORKER_EXTRA_SIDECAR_PORT,"),
        "{told:?}"
    );

    // What is wrong by itself still is.
    assert!(load(&[("WORKER_PORT", "http://10.96.0.12:8083")]).is_err());
}

#[test]
fn every_secret_may_be_in_a_file() {
    let secret = |it: &&crate::config::Variable| it.kind.is_secret();
    for variable in crate::config::VARIABLES.iter().filter(secret) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "a=hunter2\n").unwrap();
        let name = format!("{}_FILE", variable.name);
        let by_file = [
            ("WORKER_ID", "w"),
            (name.as_str(), file.path().to_str().unwrap()),
        ];
        let by_value = [("WORKER_ID", "w"), (variable.name, "a=hunter2")];
        assert_eq!(good(&by_file), good(&by_value), "{name}");

        let both = [by_file[1], (variable.name, "a=other-2")];
        assert!(
            warnings(&both).iter().any(|it| it.contains(&name)),
            "{name}"
        );

        std::fs::write(file.path(), " \n").unwrap();
        let told = told(&by_file);
        assert!(
            told.starts_with(&format!("{name}: ")) && told.contains("empty"),
            "{told}"
        );
    }
    let told = told(&[("WORKER_TOKEN_FILE", "/not/there")]);
    assert!(
        told.starts_with("WORKER_TOKEN_FILE: ") && told.contains("/not/there"),
        "{told}"
    );

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), r#"[{"url":"http://a","token":"hunter2"}]"#).unwrap();
    let path = file.path().to_str().unwrap();
    let settings = good(&[("ORCHESTRATORS_CONFIG_FILE", path)]);
    assert_eq!(settings.orchestrators[0].token.expose(), "hunter2");
}

#[test]
fn a_short_secret_is_a_warning_and_is_not_hidden_in_every_text() {
    let told = warnings(&[
        ("AXON_ADMIN_TOKEN", "abcde"),
        (
            "ORCHESTRATORS_CONFIG",
            r#"[{"url":"http://a","token":"x"}]"#,
        ),
    ]);
    assert_eq!(told.len(), 2, "{told:?}");
    for name in ["AXON_ADMIN_TOKEN has", "ORCHESTRATORS_CONFIG[0].token has"] {
        assert!(
            told.iter().any(|it| it.starts_with(name)),
            "{name}: {told:?}"
        );
    }
    let text = || "an answer with the secret".to_owned();
    let hide = |secret: &str| crate::config::Token::from(secret).hide_in(text());
    assert_eq!(hide("e"), text());
    assert_eq!(hide("answe"), text());
    assert_eq!(hide(""), text());
    assert_eq!(hide("answer"), "an [REDACTED] with the secret");
}

#[test]
fn keys_that_never_travel_may_be_any_text() {
    let settings = good(&[
        ("DISTWORKER_CONTROLLER_URL", "http://c"),
        ("DISTWORKER_WORKER_TOKEN", " schlüssel-鍵 "),
        ("ORCHESTRATOR_SECRET_KEY", "schlüssel-鍵"),
    ]);
    assert_eq!(settings.distworker.worker_token.expose(), "schlüssel-鍵");
    assert_eq!(settings.rxon.task_secret.unwrap().expose(), "schlüssel-鍵");
    assert!(
        load(&[("WORKER_TOKEN", "schlüssel")]).is_err(),
        "goes into a header"
    );
}

#[test]
fn the_address_of_the_health_server_is_one() {
    for (text, host) in [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("[::1]", "::1"),
        ("::", "::"),
    ] {
        let settings = good(&[("WORKER_HOST", text)]);
        assert_eq!(settings.worker_host.unwrap().to_string(), host);
    }
    assert!(told(&[("WORKER_HOST", "example.com")]).starts_with("WORKER_HOST: expected an IP"));
    let hosts = good(&[("AXON_ALLOWED_HOSTS", "A.example.com, *.b.example ,")]).allowed_hosts;
    assert_eq!(hosts, ["a.example.com", "*.b.example"]);
}
