//! Where each setting comes from.

use std::collections::BTreeSet;

use crate::config::{Inspection, Origin, Resolved, Settings, VARIABLES};

fn inspect(vars: &[(&str, &str)]) -> Inspection {
    Settings::inspect_vars(vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
}

#[track_caller]
fn of<'a>(inspection: &'a Inspection, variable: &str) -> &'a Resolved {
    let mut all = inspection.resolved.iter();
    let found = all.find(|it| it.variable == variable);
    found.unwrap_or_else(|| panic!("no {variable}"))
}

fn environment(name: &str) -> Origin {
    Origin::Variable(name.to_owned())
}

#[test]
fn every_setting_is_told_once() {
    let inspection = inspect(&[]);
    let keys: BTreeSet<_> = VARIABLES.iter().map(|it| it.key).collect();
    let told: Vec<_> = inspection.resolved.iter().map(|it| it.key).collect();
    assert_eq!(told.len(), keys.len());
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), keys);
    let all = inspection.resolved.iter();
    assert!(all.clone().all(|it| it.origin == Origin::Default));
    assert!(all.clone().all(|it| !it.value.is_empty()));
    // The one that has the default speaks for the two.
    let token = of(&inspection, "WORKER_TOKEN");
    assert_eq!(token.value, "(a default that everybody knows)");
    let settings = inspection.settings.unwrap();
    let id = &inspection.resolved[0].value;
    assert_eq!(*id, format!("{} (random)", settings.worker_id));
}

#[test]
fn the_strongest_layer_is_the_origin() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "worker_type = \"a\"\nworker_port = 1\norchestrator_url = \"http://f\"\n";
    std::fs::write(file.path(), text).unwrap();
    let path = file.path().to_str().unwrap();
    let inspection = inspect(&[
        ("AXON_WORKER_CONFIG", path),
        ("WORKER_TYPE", " b "),
        ("ORCHESTRATOR_SECRET_KEY", "hunter2"),
        ("WORKER_PAYLOAD_DIR", "/p"),
        (
            "ORCHESTRATORS_CONFIG",
            r#"[{"url":"http://e/","token":"hunter2"}]"#,
        ),
    ]);
    let told = |variable: &str| {
        let it = of(&inspection, variable);
        (it.value.clone(), it.origin.clone())
    };
    let port = ("1".to_owned(), Origin::File(path.to_owned()));
    assert_eq!(told("WORKER_PORT"), port);
    assert_eq!(
        told("WORKER_TYPE"),
        ("b".to_owned(), environment("WORKER_TYPE"))
    );
    let secret = (
        "(set, not shown)".to_owned(),
        environment("ORCHESTRATOR_SECRET_KEY"),
    );
    assert_eq!(told("ORCHESTRATOR_SECRET_KEY"), secret);
    let folder = ("/p".to_owned(), environment("WORKER_PAYLOAD_DIR"));
    assert_eq!(told("WORKER_PAYLOAD_DIR"), folder);
    let (list, origin) = told("ORCHESTRATORS_CONFIG");
    assert_eq!(origin, environment("ORCHESTRATORS_CONFIG"));
    assert!(list.contains(r#""url":"http://e""#), "{list}");
    let unused = ("(not used)".to_owned(), Origin::Default);
    assert_eq!(told("ORCHESTRATOR_URL"), unused);
    let named = (path.to_owned(), environment("AXON_WORKER_CONFIG"));
    assert_eq!(told("AXON_WORKER_CONFIG"), named);
    assert!(!format!("{inspection:?}").contains("hunter2"));
}

#[test]
fn what_is_wrong_is_not_shown_and_hides_nothing_else() {
    let inspection = inspect(&[
        ("WORKER_TOKEN", "bell\u{7}hunter2"),
        ("WORKER_PORT", "eighty"),
        ("WORKER_TYPE", "fine"),
        ("DISTWORKER_PROVISIONER", "alone"),
    ]);
    for wrong in ["WORKER_TOKEN", "WORKER_PORT"] {
        let told = of(&inspection, wrong);
        assert_eq!(told.value, "(wrong, see the problems)");
        assert_eq!(told.origin, environment(wrong));
    }
    assert_eq!(of(&inspection, "WORKER_TYPE").value, "fine");
    let problems = inspection.settings.unwrap_err();
    assert_eq!(problems.problems().len(), 2);
    let warned = inspection.warnings.iter();
    assert_eq!(warned.filter(|it| it.contains("DISTWORKER_")).count(), 1);
}

#[test]
fn keys_in_addresses_and_secrets_of_every_name_are_masked() {
    let mut vars = vec![("DISTWORKER_CONTROLLER_URL", "http://c:1/base?key=hunter2")];
    let secret = |name: &&&str| {
        let variable = VARIABLES.iter().find(|it| it.name == **name);
        variable.unwrap().kind.is_secret()
    };
    let names: Vec<_> = VARIABLES.iter().map(|it| it.name).collect();
    vars.extend(names.iter().filter(secret).map(|name| (*name, "hunter2")));
    assert!(vars.len() > 8);
    let inspection = inspect(&vars);
    let url = of(&inspection, "DISTWORKER_CONTROLLER_URL");
    assert_eq!(url.value, "http://c:1/base?(not shown)");
    let told = format!("{:?}", inspection.resolved);
    assert!(!told.contains("hunter2"), "{told}");
}
