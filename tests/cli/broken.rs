//! `check` of settings that name things which are not as they should be.

use axon_worker::dev::{DevOrchestrator, Dialect, Endpoint, Quirks};

use crate::program::{Program, Report};
use crate::server::{ACCESS_KEY, Fault, SECRET_KEY, Server};
use crate::strangers;

/// A check against a stranger at this port.
fn at(scheme: &str, port: u16) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{scheme}://127.0.0.1:{port}");
    Program::check(&url, folder.path()).report()
}

#[test]
fn where_nobody_listens_the_first_step_fails() {
    let report = at("http", 1);
    assert_eq!(report.code, Some(1));
    report.says("orchestrator", "TCP", "fail", "refused");
    assert_eq!(report.with("fail"), ["orchestrator TCP"]);
    report.says("TASK_FILES_DIR", "writable", "warn", "it is missing");
}

#[test]
fn a_name_that_nobody_knows_is_named() {
    let folder = tempfile::tempdir().unwrap();
    // No name service is asked for a name that cannot be one.
    let name = "x".repeat(64);
    let report = Program::check(&format!("http://{name}:8080"), folder.path()).report();
    assert_eq!(report.code, Some(1));
    let told = format!("the name lookup of {name} failed");
    report.says("orchestrator", "TCP", "fail", &told);
}

#[test]
fn one_that_hangs_holds_up_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    let (one, other) = (url(strangers::silent()), url(strangers::silent()));
    let report = Program::check(&one, folder.path())
        .env("S3_ENDPOINT_URL", &other)
        .env("S3_ACCESS_KEY", "a")
        .env("S3_SECRET_KEY", "s")
        .arg("--timeout")
        .arg("2")
        .report();
    assert_eq!(report.code, Some(1));
    report.says("orchestrator", "HTTP", "fail", "within 2");
    report.says("storage", "put", "fail", "no answer in time");
    assert_eq!(report.with("fail"), ["orchestrator HTTP", "storage put"]);
    report.says("port", "free", "ok", "");
}

#[test]
fn all_are_looked_at_at_once() {
    // Neither answers before the other was asked, too.
    let [one, other] = strangers::pair();
    let folder = tempfile::tempdir().unwrap();
    let list =
        format!(r#"[{{"url":"http://127.0.0.1:{one}"}},{{"url":"http://127.0.0.1:{other}"}}]"#);
    let report = Program::check("http://127.0.0.1:1", folder.path())
        .env("ORCHESTRATORS_CONFIG", &list)
        .report();
    assert_eq!(report.code, Some(0), "{report:?}");
    assert!(report.with("ok").contains(&"orchestrator token".to_owned()));
}

#[test]
fn what_is_not_http_is_told() {
    let report = at("http", strangers::babbling());
    assert_eq!(report.code, Some(1));
    report.says("orchestrator", "HTTP", "fail", "");
    let hint = report.line("orchestrator", "HTTP")["hint"].as_str();
    assert!(hint.is_some());
}

#[test]
fn certificates_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let (port, certificate) = strangers::secured(&folder);
    let report = at("https", port);
    assert_eq!(report.code, Some(1));
    report.says("orchestrator", "TLS", "fail", "certificate of 127.0.0.1");
    let hint = report.line("orchestrator", "TLS")["hint"].as_str().unwrap();
    assert!(hint.contains("TLS_CA_PATH"), "{hint}");

    let url = format!("https://127.0.0.1:{port}");
    let report = Program::check(&url, folder.path())
        .env("TLS_CA_PATH", certificate.to_str().unwrap())
        .report();
    assert_eq!(report.code, Some(0), "{:#}", report.json["checks"]);
    report.says("orchestrator", "TLS", "ok", "trusted");
    report.says("orchestrator", "token", "ok", "accepted");
    report.says("orchestrator", "clock", "warn", "does not tell");

    let missing = folder.path().join("nothing.pem");
    let report = Program::check(&url, folder.path())
        .env("TLS_CA_PATH", missing.to_str().unwrap())
        .report();
    assert_eq!(report.code, Some(1));
    report.says("orchestrator", "setup", "fail", "nothing.pem");
}

#[actix_rt::test]
async fn mixed_up_schemes_are_told() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let report = at("https", orchestrator.port());
    assert_eq!(report.code, Some(1));
    report.says("orchestrator", "TLS", "fail", "http://");
}

#[actix_rt::test]
async fn a_wrong_token_is_told_by_both_dialects() {
    for (dialect, status) in [(Dialect::V1_0b2, "401"), (Dialect::V1_0b17, "403")] {
        let builder = DevOrchestrator::builder().dialect(dialect);
        let builder = builder.token("right").worker_token("special", "own");
        let orchestrator = builder.start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let check = |id: &str, token: &str| {
            let program = Program::check(&orchestrator.url(), folder.path());
            program
                .env("WORKER_ID", id)
                .env("WORKER_TOKEN", token)
                .report()
        };
        let report = check("doctor", "wrong");
        assert_eq!(report.code, Some(1));
        report.says("orchestrator", "token", "fail", status);
        let hint = report.line("orchestrator", "token")["hint"].as_str();
        assert!(hint.unwrap().contains("WORKER_TOKEN"));
        assert_eq!(report.with("fail"), ["orchestrator token"]);
        // It is an orchestrator all the same.
        report.says("orchestrator", "dialect", "ok", "");

        assert_eq!(check("doctor", "right").code, Some(0));
        let report = check("special", "right");
        report.says("orchestrator", "token", "fail", "individual");
        assert_eq!(check("special", "own").code, Some(0));
        assert!(orchestrator.workers().is_empty());
    }
}

#[actix_rt::test]
async fn a_version_that_it_does_not_speak_is_told() {
    for (dialect, set) in [(Dialect::V1_0b2, "1.0b17"), (Dialect::V1_0b17, "1.0b2")] {
        let builder = DevOrchestrator::builder().dialect(dialect);
        let orchestrator = builder.start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let report = Program::check(&orchestrator.url(), folder.path())
            .env("RXON_VERSION", set)
            .report();
        assert_eq!(report.code, Some(1));
        report.says("orchestrator", "dialect", "fail", dialect.version());
    }
}

#[actix_rt::test]
async fn a_clock_that_is_off_fails_where_messages_are_signed() {
    for (dialect, verdict, code) in [(Dialect::V1_0b17, "fail", 1), (Dialect::V1_0b2, "warn", 0)] {
        for (offset, words) in [(3600, "behind"), (-3600, "ahead")] {
            let quirks = Quirks {
                clock_offset: offset,
                ..Quirks::default()
            };
            let builder = DevOrchestrator::builder().dialect(dialect).quirks(quirks);
            let orchestrator = builder.start().await.unwrap();
            let folder = tempfile::tempdir().unwrap();
            let report = Program::check(&orchestrator.url(), folder.path()).report();
            assert_eq!(report.code, Some(code), "{:#}", report.json["checks"]);
            report.says("orchestrator", "clock", verdict, words);
            if dialect == Dialect::V1_0b17 {
                report.says("orchestrator", "signature", "fail", "refused");
            }
        }
    }
}

#[actix_rt::test]
async fn one_that_is_no_orchestrator_is_told() {
    let controller = axon_worker::dev::DistController::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let report = Program::check(&controller.url(), folder.path()).report();
    assert_eq!(report.code, Some(1));
    report.says("orchestrator", "HTTP", "warn", "404");
    report.says(
        "orchestrator",
        "token",
        "fail",
        "no answer of an orchestrator",
    );
}

#[actix_rt::test]
async fn wrong_settings_are_told_all_at_once_and_nothing_is_reached() {
    let orchestrator = DevOrchestrator::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let program = || {
        Program::check(&orchestrator.url(), folder.path())
            .env("MAX_CONCURRENT_TASKS", "ten")
            .env("TLS_CERT_PATH", "cert.pem")
            .env("S3_ENDPOINT_URL", "s3.example.com")
    };
    let report = program().report();
    assert_eq!(report.code, Some(2));
    assert_eq!(report.json["outcome"], "wrong");
    let places: Vec<_> = report.json["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["place"].as_str().unwrap())
        .collect();
    assert_eq!(
        places,
        ["MAX_CONCURRENT_TASKS", "S3_ENDPOINT_URL", "TLS_CERT_PATH"]
    );
    assert_eq!(report.setting("WORKER_ID"), ("doctor", "environment"));
    let (value, _) = report.setting("MAX_CONCURRENT_TASKS");
    assert_eq!(value, "(wrong, see the problems)");
    assert_eq!(orchestrator.request_count(Endpoint::Status), 0);

    let run = program().run();
    assert_eq!(run.code, Some(2));
    assert!(
        run.stdout
            .contains("wrong MAX_CONCURRENT_TASKS: expected a whole number")
    );
    assert!(run.stdout.contains("3 to mend"), "{}", run.stdout);

    let nowhere = folder.path().join("nowhere.toml");
    let report = Program::new(&["check", "--config", nowhere.to_str().unwrap()]).report();
    assert_eq!(report.code, Some(2));
    assert_eq!(report.json["problems"][0]["place"], "AXON_WORKER_CONFIG");
}

#[test]
fn a_storage_that_takes_nothing_is_told() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let check = |access: &str, secret: &str, bucket: &str| {
        Program::check("http://127.0.0.1:1", folder.path())
            .env("S3_ENDPOINT_URL", &server.url())
            .env("S3_ACCESS_KEY", access)
            .env("S3_SECRET_KEY", secret)
            .env("S3_DEFAULT_BUCKET", bucket)
            .report()
    };
    let report = check(ACCESS_KEY, "wrong-secret-key", "results");
    report.says("storage", "put", "fail", "denied");
    let hint = report.line("storage", "put")["hint"].as_str().unwrap();
    assert!(hint.contains("S3_SECRET_KEY"), "{hint}");
    let report = check("wrong-access-key", SECRET_KEY, "results");
    report.says("storage", "put", "fail", "");
    let report = check(ACCESS_KEY, SECRET_KEY, "no/bucket");
    report.says("storage", "put", "fail", "bucket");
    assert_eq!(server.memory.keys("results"), [""; 0]);

    server
        .faults
        .add("PUT", "", Fault::Refuse(404, "NoSuchBucket"), 1);
    let report = check(ACCESS_KEY, SECRET_KEY, "not-there");
    report.says("storage", "put", "fail", "does not exist");
    let hint = report.line("storage", "put")["hint"].as_str().unwrap();
    assert!(hint.contains("S3_DEFAULT_BUCKET"), "{hint}");
}

#[test]
fn an_object_that_stays_behind_is_named() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let refusal = Fault::Refuse(403, "AccessDenied");
    server.faults.add("DELETE", "", refusal, 1);
    let report = Program::check("http://127.0.0.1:1", folder.path())
        .env("S3_ENDPOINT_URL", &server.url())
        .env("S3_ACCESS_KEY", ACCESS_KEY)
        .env("S3_SECRET_KEY", SECRET_KEY)
        .env("S3_DEFAULT_BUCKET", "results")
        .report();
    report.says("storage", "get", "ok", "");
    let left = server.memory.keys("results");
    assert_eq!(left.len(), 1);
    let named = format!("s3://results/{} is left behind", left[0]);
    report.says("storage", "delete", "fail", &named);
}

#[test]
fn an_object_that_comes_back_as_another_is_told() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    // The server keeps nothing of what goes into this bucket.
    let report = Program::check("http://127.0.0.1:1", folder.path())
        .env("S3_ENDPOINT_URL", &server.url())
        .env("S3_ACCESS_KEY", ACCESS_KEY)
        .env("S3_SECRET_KEY", SECRET_KEY)
        .env("S3_DEFAULT_BUCKET", crate::server::VOID)
        .report();
    report.says("storage", "put", "ok", "");
    report.says("storage", "get", "fail", "");
}
