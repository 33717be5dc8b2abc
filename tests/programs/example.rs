//! `examples/command/`, as its comments say.

use super::support::*;
use std::path::Path;

#[actix_rt::test]
async fn the_example_counts_and_tells_moods() {
    let stage = Stage::new().await;
    let storage = stage.path("storage");
    std::fs::create_dir_all(storage.join("texts")).unwrap();
    std::fs::write(
        storage.join("texts/letter.txt"),
        "Dear reader,\nwell done.\n",
    )
    .unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/command/worker.toml");
    let variables = [("AXON_STORAGE_DIR", storage.to_str().unwrap())];
    let mut worker = stage.start(&file, &variables).await;

    let data = stage
        .data("statistics", json!({"text": "s3://texts/letter.txt"}))
        .await;
    assert_eq!((&data["lines"], &data["words"]), (&json!(2), &json!(4)));
    assert!(
        data["report"].as_str().unwrap().starts_with("s3://"),
        "{data}"
    );
    let other = storage.join("texts/letter.txt");
    for params in [
        json!({}),
        json!({"text": "no path of a file"}),
        json!({"text": other.to_str()}),
    ] {
        let (code, message) = stage.error("statistics", params).await;
        assert_eq!(code, "INVALID_INPUT_ERROR");
        assert!(
            message.contains("the path of a text file is missing"),
            "{message}"
        );
    }

    let mut pids = std::collections::BTreeSet::new();
    for (text, mood) in [
        ("what a lovely day", "good"),
        ("i hate rain", "bad"),
        ("hm", "even"),
    ] {
        let report = stage.run("mood", json!({"text": text})).await;
        let status = report.history[0].status.as_deref();
        let data = if mood == "bad" {
            assert_eq!(status, Some("needs_comfort"));
            continue;
        } else {
            report.data
        };
        assert_eq!(data["mood"], mood);
        pids.insert(data["pid"].as_u64().unwrap());
    }
    assert!(pids.len() <= 2);
    let (code, _) = stage.error("mood", json!({"text": 3})).await;
    assert_eq!(code, "INVALID_INPUT_ERROR");

    worker.signal("TERM");
    assert_eq!(worker.exit().await.code(), Some(0), "{}", worker.log());
    assert!(!pids.iter().any(|pid| is_alive(*pid)));
}
