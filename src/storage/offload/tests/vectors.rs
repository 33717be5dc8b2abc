//! What the Python workers were seen to do, from the vectors.

use super::*;

fn vectors(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[actix_rt::test]
async fn parameters_reach_handlers_as_the_vectors_say() {
    let vectors = vectors(include_str!(
        "../../../../tests/vectors/s3_params_mapping.json"
    ));
    let objects = vectors["objects_in_bucket_in-bucket"].as_object().unwrap();
    let mut seen = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let stage = Stage::new("job", "task");
        for (key, content) in objects {
            stage.put("in-bucket", key, content.as_str().unwrap());
        }
        let expected = &case["1.0b2"];
        let integrity = json!({ "a": { "b": ["s3://in-bucket/photo.jpg"] } });
        let params = case.get("params").unwrap_or(&integrity);
        // The mark of an object is another in a folder than in S3.
        let photo = ObjectUri::parse("s3://in-bucket/photo.jpg").unwrap();
        let mark = stage.transfers.stat(&photo, &stage.cancellation).await;
        let mark = mark.unwrap().etag.unwrap();
        let metadata = expected.get("params_metadata").map(|metadata| {
            let text = metadata.to_string();
            let text = text.replace("bf28f40d50cd3f4c68efdf764c86d8ce", &mark);
            serde_json::from_str::<Value>(&text).unwrap()
        });
        let got = stage.bring(params, metadata.as_ref()).await;
        seen += 1;
        let Some(result) = expected.get("result") else {
            let wanted = match expected["error_class"].as_str().unwrap() {
                "FileNotFoundError" => ErrorCode::Transient,
                "IntegrityError" => ErrorCode::IntegrityMismatch,
                other => panic!("{other}"),
            };
            assert_eq!(code(got.unwrap_err()), wanted, "{name}");
            continue;
        };
        let ours = if stage.files.is_made() {
            stage.files.folder().unwrap().to_str().unwrap()
        } else {
            "-"
        };
        let id = case["task_id"].as_str().unwrap_or("task-i");
        let theirs = format!("/tmp/payloads/{id}");
        let result = result.to_string().replace(&theirs, ours);
        assert_eq!(got.unwrap().to_string(), result, "{name}");
        let Some(files) = expected.get("files") else {
            continue;
        };
        let files: BTreeMap<_, _> = files
            .as_object()
            .unwrap()
            .iter()
            .map(|(path, file)| {
                let path = path.strip_prefix(&theirs).unwrap().trim_start_matches('/');
                let content = file["content"].as_str().unwrap();
                (path.to_owned(), content.to_owned())
            })
            .collect();
        assert_eq!(below(Path::new(ours)), files, "{name}");
    }
    assert_eq!(seen, 15);
}

/// The key that we choose for one of the vectors: that of 1.0b17 with the task after
/// the job, and a number where two would meet.
fn our_key(key: &str, place: usize) -> String {
    let rest = key.strip_prefix("job-5/").unwrap();
    match place {
        0 => format!("job-5/task-9/{rest}"),
        place => format!("job-5/task-9/{}/{rest}", place + 1),
    }
}

#[actix_rt::test]
async fn results_leave_as_the_vectors_say_but_under_keys_of_their_own() {
    let vectors = vectors(include_str!(
        "../../../../tests/vectors/s3_result_mapping.json"
    ));
    let mut seen = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let stage = Stage::new("job-5", "task-9");
        for (file, content) in [
            ("out.txt", "12345"),
            ("dir1/a.txt", "1"),
            ("dir1/sub/b.txt", "22"),
            ("dir1/out.txt", "1"),
            ("sp ace.txt", "1"),
        ] {
            stage.files.write(file, content).await.unwrap();
        }
        let folder = stage.files.folder().unwrap();
        std::fs::create_dir(folder.join("empty")).unwrap();
        let ours = folder.to_str().unwrap().to_owned();
        let data = case["data"].to_string();
        let data = data.replace("/tmp/payloads/task-9", &ours);
        let data: Value = serde_json::from_str(&data).unwrap();
        let reply = stage.carry(&data).await.unwrap();
        seen += 1;

        let expected = &case["1.0b17"];
        let mut texts = BTreeMap::<String, usize>::new();
        let mut keys = Vec::new();
        for key in expected["uploaded_keys"].as_array().unwrap() {
            let key = key.as_str().unwrap();
            let place = texts.entry(key.to_owned()).or_default();
            keys.push(our_key(key, *place));
            *place += 1;
        }
        keys.sort();
        let stored: Vec<_> = stage.objects(BUCKET).into_keys().collect();
        assert_eq!(stored, keys, "{name}");

        let mut result = expected["result"].to_string();
        result = result.replace(
            "s3://avtomatika-payloads/job-5/",
            "s3://avtomatika-payloads/job-5/task-9/",
        );
        let mut result: Value = result
            .replace("/tmp/payloads/task-9", &ours)
            .parse()
            .unwrap();
        if name == "two files with the same base name" {
            result["y"] = json!("s3://avtomatika-payloads/job-5/task-9/2/out.txt");
        }
        let data: Value = reply.data().parse().unwrap();
        assert_eq!(data, result, "{name}");

        let told: Value = reply
            .data_metadata()
            .map_or_else(|| json!({}), |told| told.parse().unwrap());
        let wanted = case["1.0b2"]["data_metadata"].as_object().unwrap();
        assert_eq!(told.as_object().unwrap().len(), wanted.len(), "{name}");
        for (path, wanted) in wanted {
            let told = &told[path];
            assert_eq!(told["size"], wanted["size"], "{name}");
            assert_eq!(told["etag"].is_null(), wanted["etag"].is_null(), "{name}");
            let uri = told["uri"].as_str().unwrap();
            assert!(data.to_string().contains(&format!("\"{uri}\"")), "{name}");
        }
    }
    assert_eq!(seen, 15);
}
