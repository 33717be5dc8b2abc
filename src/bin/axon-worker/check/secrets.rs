//! The last line of defence: whatever a server says, no secret of the settings is printed.

use axon_worker::config::{Settings, Token};

/// Shorter texts are found in any sentence, and no secret worth the name is as short.
const SHORTEST: usize = 6;

/// The secrets of the settings.
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    pub(super) fn of(settings: &Settings) -> Self {
        let storage = &settings.storage;
        let distworker = &settings.distworker;
        let optional = [
            &settings.admin_token,
            &settings.rxon.task_secret,
            &storage.access_key,
            &storage.secret_key,
            &storage.session_token,
        ];
        let tokens = optional
            .into_iter()
            .flatten()
            .chain(settings.orchestrators.iter().map(|one| &one.token))
            .chain([&distworker.worker_token])
            .map(Token::expose);
        let query = distworker.controller_url.as_deref();
        let query = query.and_then(|url| Some(url.split_once('?')?.1));
        let mut all: Vec<String> = tokens
            .chain(query)
            .filter(|secret| secret.len() >= SHORTEST)
            .map(str::to_owned)
            .collect();
        // One may be part of another.
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        all.dedup();
        Self(all)
    }

    pub(super) fn hide(&self, text: &str) -> String {
        let secrets = self.0.iter();
        secrets.fold(text.to_owned(), |text, secret| {
            text.replace(secret.as_str(), "[REDACTED]")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_is_taken_out_of_a_text() {
        let vars = [
            ("AXON_ADMIN_TOKEN", "admin-1"),
            ("WORKER_TOKEN", "worker-2"),
            ("ORCHESTRATOR_SECRET_KEY", "task-3"),
            ("S3_ENDPOINT_URL", "http://s3"),
            ("S3_ACCESS_KEY", "access-4"),
            ("S3_SECRET_KEY", "access-4-longer"),
            ("DISTWORKER_CONTROLLER_URL", "http://c?key=query-5"),
            ("DISTWORKER_WORKER_TOKEN", "dist-6"),
            (
                "ORCHESTRATORS_CONFIG",
                r#"[{"url":"http://a","token":"own-key-7"}]"#,
            ),
        ];
        let vars = vars.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let settings = Settings::from_vars(vars).unwrap().settings;
        let secrets = Secrets::of(&settings);
        let text = "admin-1 task-3 access-4-longer access-4 key=query-5 dist-6 own-key-7";
        let hidden = secrets.hide(text);
        assert_eq!(hidden, ["[REDACTED]"; 7].join(" "));
    }
}
