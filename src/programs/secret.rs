//! Which variables of an environment probably hold secrets.

use crate::config::VARIABLES;

/// Settings of the worker that hold secrets among other things.
const OF_WORKER: [&str; 2] = ["ORCHESTRATORS_CONFIG", "DISTWORKER_CONTROLLER_URL"];

/// Words of a name that say so by themselves.
const WORDS: [&str; 24] = [
    "APIKEY",
    "AUTHKEY",
    "BEARER",
    "CONNSTR",
    "COOKIE",
    "CREDENTIAL",
    "CREDENTIALS",
    "CREDS",
    "DSN",
    "JWT",
    "PASS",
    "PASSCODE",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PASSWORDS",
    "PAT",
    "PGPASS",
    "PGPASSFILE",
    "PRIVKEY",
    "SECRET",
    "SECRETS",
    "SSHPASS",
    "TOKEN",
];

/// Ends of words, as in `PGPASSWORD` or `authToken`.
const ENDS: [&str; 6] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "APIKEY",
];

/// Pairs of words that follow one another.
const PAIRS: [(&str, &str); 11] = [
    ("ACCESS", "KEY"),
    ("ACCESS", "TOKENS"),
    ("API", "KEY"),
    ("API", "TOKENS"),
    ("AUTH", "CONFIG"),
    ("AUTH", "TOKENS"),
    ("BASIC", "AUTH"),
    ("CONNECTION", "STRING"),
    ("PRIVATE", "KEY"),
    ("RESULT", "BACKEND"),
    ("WEBHOOK", "URL"),
];

/// What has an address with a password in it, as a rule.
const SERVICES: [&str; 18] = [
    "AMQP",
    "BROKER",
    "CLICKHOUSE",
    "CLOUDAMQP",
    "DATABASE",
    "DB",
    "JDBC",
    "MARIADB",
    "MONGO",
    "MONGODB",
    "MSSQL",
    "MYSQL",
    "PG",
    "POSTGRES",
    "POSTGRESQL",
    "RABBITMQ",
    "REDIS",
    "SQLALCHEMY",
];

/// Words beside `KEY` that make it none of a lock.
const OPEN_KEYS: [&str; 8] = [
    "CACHE",
    "FOREIGN",
    "GROUP",
    "PARTITION",
    "PRIMARY",
    "PUBLIC",
    "ROUTING",
    "SORT",
];

/// Words that make a number of a name: `MAX_TOKEN_LENGTH`, `PASS_COUNT`.
const COUNTS: [&str; 13] = [
    "BUDGET", "COUNT", "EXPIRY", "LEN", "LENGTH", "LIMIT", "MAX", "MIN", "NUM", "NUMBER", "SIZE",
    "TIMEOUT", "TTL",
];

/// Whether a variable probably holds a secret, by the words of its name, or because its value
/// is an address with a password.
pub(crate) fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    is_of_worker(&name) || is_named_so(&name) || (has_password(value) && !is_proxy(&name))
}

fn is_of_worker(name: &str) -> bool {
    let mut secrets = VARIABLES.iter().filter(|it| it.kind.is_secret());
    OF_WORKER.contains(&name) || secrets.any(|variable| variable.name == name)
}

fn is_named_so(name: &str) -> bool {
    let words: Vec<_> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    if words.iter().any(|word| COUNTS.contains(word)) {
        return false;
    }

    let says_so = |word: &&str| WORDS.contains(word) || ENDS.iter().any(|end| word.ends_with(end));
    let mut pairs = words.windows(2).map(|pair| (pair[0], pair[1]));
    words.iter().any(says_so)
        || pairs.any(|pair| PAIRS.contains(&pair) || is_address(pair))
        || is_key(&words)
        // Of one word it is the current folder.
        || matches!(words.as_slice(), [_, .., "PWD"])
        || (words.contains(&"OTLP") && words.last() == Some(&"HEADERS"))
}

fn is_address((service, address): (&str, &str)) -> bool {
    SERVICES.contains(&service) && matches!(address, "URL" | "URLS" | "URI" | "URIS")
}

fn is_key(words: &[&str]) -> bool {
    matches!(words, [.., before, "KEY" | "KEYS"] if !OPEN_KEYS.contains(before))
}

/// Programs reach the network by way of these.
fn is_proxy(name: &str) -> bool {
    name.ends_with("_PROXY")
}

/// Whether it is an address of the form `scheme://user:password@host`.
fn has_password(value: &str) -> bool {
    let authority = value.split_once("://").map(|(_, rest)| rest);
    let authority = authority.and_then(|rest| rest.split(['/', '?', '#']).next());
    let user = authority.and_then(|authority| Some(authority.rsplit_once('@')?.0));
    user.and_then(|user| user.split_once(':'))
        .is_some_and(|(_, password)| !password.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_setting_of_the_worker_is_a_secret() {
        for variable in VARIABLES.iter().filter(|v| v.kind.is_secret()) {
            assert!(is_secret(variable.name, ""), "{}", variable.name);
        }
    }

    #[test]
    fn names_that_people_give_to_secrets_are_known() {
        for name in [
            "API_KEY",
            "AUTH_TOKENS",
            "AWS_ACCESS_KEY_ID",
            "AWS_SESSION_TOKEN",
            "AZURE_STORAGE_CONNECTION_STRING",
            "AZURE_STORAGE_KEY",
            "CELERY_BROKER_URL",
            "CELERY_RESULT_BACKEND",
            "DATABASE_URL",
            "DB_PASS",
            "DOCKER_AUTH_CONFIG",
            "GITHUB_PAT",
            "GITHUB_TOKEN",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "HF_TOKEN",
            "JWT",
            "MONGODB_URI",
            "MYSQL_PWD",
            "NPM_CONFIG__AUTHTOKEN",
            "OPENAI_API_KEY",
            "OPENAI_KEY",
            "OTEL_EXPORTER_OTLP_HEADERS",
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
            "PGPASS",
            "PGPASSWORD",
            "POSTGRES_PASSWORD",
            "RAILS_MASTER_KEY",
            "REDIS_URL",
            "RELEASE_COOKIE",
            "SECRET_KEY_BASE",
            "SENTRY_DSN",
            "SLACK_WEBHOOK_URL",
            "SQLALCHEMY_DATABASE_URI",
            "SSHPASS",
            "STRIPE_SECRET_KEY",
            "aws_secret_access_key",
            "githubToken",
        ] {
            assert!(is_secret(name, ""), "{name}");
        }
    }

    #[test]
    fn names_that_only_sound_like_secrets_are_let_through() {
        for name in [
            "BYPASS_CACHE",
            "CACHE_KEY",
            "COMPASS",
            "HOME",
            "KEYBOARD",
            "MAX_NEW_TOKENS",
            "MAX_TOKENS",
            "MAX_TOKEN_LENGTH",
            "OLDPWD",
            "ORCHESTRATOR_URL",
            "PATH",
            "PUBLIC_KEY",
            "PWD",
            "SECRETARY",
            "SSH_ASKPASS",
            "TOKENIZERS_PARALLELISM",
            "TOKENIZER_PATH",
        ] {
            assert!(!is_secret(name, "value"), "{name}");
        }
    }

    #[test]
    fn an_address_with_a_password_is_a_secret_whatever_its_name_is() {
        for (value, expected) in [
            ("postgres://me:pw@host/db", true),
            ("amqps://me:p%40w@host:5671", true),
            ("https://host/path?at=me:pw@x", false),
            ("https://me@host", false),
            ("https://me:@host", false),
            ("me:pw@host", false),
            ("http://host:80/", false),
        ] {
            assert_eq!(is_secret("STORE", value), expected, "{value}");
        }
        assert!(!is_secret("https_proxy", "http://me:pw@proxy:3128"));
    }
}
