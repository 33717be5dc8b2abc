//! All answers, written beforehand.

/// As many digits as task ids have for their number.
const DIGITS: usize = 12;
/// What comes before them.
const ID: &str = "5fd9454d-0000-4000-8000-";

/// Parameters up to this size are written in one piece with what stands around them.
const SMALL: usize = 16 * 1024;

pub(super) struct Answers {
    /// A task, up to its parameters, or all of it if these are small.
    task: Vec<u8>,
    /// What is left of it.
    pub(super) rest: Vec<u8>,
    /// Where the number of a task goes.
    numbers: Vec<usize>,
    pub(super) nothing: &'static [u8],
    pub(super) unavailable: &'static [u8],
    pub(super) taken: Vec<u8>,
    pub(super) known: Vec<u8>,
    pub(super) registered: Vec<u8>,
}

impl Answers {
    pub(super) fn new(name: &str, params: &str) -> Self {
        let gap = "#".repeat(DIGITS);
        let front = format!(
            r#"{{"job_id": "{ID}{gap}", "task_id": "{ID}{gap}", "type": "{name}", "params": "#
        );
        let back = r#", "tracing_context": {}, "params_metadata": {}}"#;
        let mut task = head(front.len() + params.len() + back.len());
        task.extend_from_slice(front.as_bytes());
        let mut rest = Vec::new();
        for part in [params, back] {
            let of = if params.len() > SMALL {
                &mut rest
            } else {
                &mut task
            };
            of.extend_from_slice(part.as_bytes());
        }
        let numbers = task
            .windows(DIGITS)
            .enumerate()
            .filter(|(_, window)| *window == gap.as_bytes())
            .map(|(at, _)| at)
            .collect();
        Self {
            task,
            rest,
            numbers,
            nothing: b"HTTP/1.1 204 No Content\r\n\r\n",
            unavailable: b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 25\r\n\r\n{\"error\": \"a bad moment\"}",
            taken: ok(r#"{"status": "ok"}"#),
            known: ok(r#"{"status": "idle"}"#),
            registered: ok(r#"{"status": "registered"}"#),
        }
    }

    /// A copy of the task for a connection, to number again and again.
    pub(super) fn task(&self) -> Vec<u8> {
        self.task.clone()
    }

    pub(super) fn number(&self, task: &mut [u8], number: u64) {
        let digits = digits(number);
        for &at in &self.numbers {
            task[at..at + DIGITS].copy_from_slice(&digits);
        }
    }
}

fn digits(mut number: u64) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
    digits
}

/// The id of a task, and of its job.
pub(super) fn task_id(number: u64) -> String {
    format!("{ID}{number:0DIGITS$}")
}

/// The number of the task that a result is of.
pub(super) fn number_in(body: &[u8]) -> Option<u64> {
    let at = body.windows(ID.len()).position(|w| w == ID.as_bytes())? + ID.len();
    let digits = body.get(at..at + DIGITS)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn ok(body: &str) -> Vec<u8> {
    let mut answer = head(body.len());
    answer.extend_from_slice(body.as_bytes());
    answer
}

fn head(length: usize) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {length}\r\n\r\n"
    )
    .into_bytes()
}
