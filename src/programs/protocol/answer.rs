//! How a program says its task ended: with a result or an error of this protocol, or with
//! what handlers of the Python SDK of Avtomatika return.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::task::{ErrorCode, Reply, TaskError};

/// The longest text of an error, in bytes.
const LONGEST_TEXT: usize = 16 * 1024;

/// How a program says its task ended.
pub(crate) type Answer = Result<Reply, TaskError>;

/// What an answer is made of.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    pub(super) status: Option<&'a str>,
    /// `result`, or `data` of the SDK.
    pub(super) data: Option<&'a RawValue>,
    pub(super) metadata: Option<&'a RawValue>,
    pub(super) costs: Option<&'a RawValue>,
    pub(super) error: Option<&'a RawValue>,
}

impl Parts<'_> {
    /// The answer, or what is wrong with it.
    ///
    /// An error beside a status of the program's own is part of the data: orchestrators go
    /// by the status, and take no error with it.
    pub(super) fn answer(self) -> Result<Answer, String> {
        match (self.status, self.error) {
            (None | Some("failure"), Some(error)) => failure(error, self.data).map(Err),
            (Some("failure"), None) => {
                let error = TaskError::transient("the program answered with status failure");
                Ok(Err(with_details(error, self.data)))
            }
            (Some("success"), Some(_)) => Err("it has an error beside status success".to_owned()),
            (Some(_), Some(error)) => {
                let data = with_error(self.data, error)?;
                self.reply(Some(&data)).map(Ok)
            }
            (_, None) => self.reply(self.data).map(Ok),
        }
    }

    fn reply(&self, data: Option<&RawValue>) -> Result<Reply, String> {
        let text = |error: TaskError| error.message().to_owned();
        let reply = match self.status {
            None => Reply::success(&data),
            Some(status) => Reply::status_with(status, &data),
        };
        let mut reply = reply.map_err(text)?;
        if let Some(metadata) = self.metadata {
            reply = reply.with_metadata(&metadata).map_err(text)?;
        }
        if let Some(costs) = self.costs {
            reply = reply.with_costs(&costs).map_err(text)?;
        }
        Ok(reply)
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault<'a> {
    code: Option<String>,
    message: Option<String>,
    #[serde(borrow)]
    details: Option<&'a RawValue>,
    /// Seconds.
    retry_after: Option<f64>,
}

fn failure(error: &RawValue, data: Option<&RawValue>) -> Result<TaskError, String> {
    let wrong = |error: serde_json::Error| format!("error: {error}");
    let fault: Fault<'_> = if error.get().starts_with('"') {
        Fault {
            message: Some(serde_json::from_str(error.get()).map_err(wrong)?),
            ..Fault::default()
        }
    } else {
        serde_json::from_str(error.get()).map_err(wrong)?
    };

    let code = fault.code.unwrap_or_else(|| "TRANSIENT_ERROR".to_owned());
    if code.is_empty() || code.len() > 128 || code.chars().any(char::is_control) {
        return Err("error.code: expected a code of 1 to 128 characters".to_owned());
    }

    let mut text = fault.message.unwrap_or_default();
    if text.len() > LONGEST_TEXT {
        text.truncate(text.floor_char_boundary(LONGEST_TEXT));
        text.push_str(" ...");
    }
    let mut error = TaskError::new(ErrorCode::from(code.as_str()), text);
    if let Some(seconds) = fault.retry_after {
        let delay = Duration::try_from_secs_f64(seconds);
        let delay = delay.map_err(|why| format!("error.retry_after: {why}"))?;
        error = error.retry_after(delay);
    }
    Ok(with_details(error, fault.details.or(data)))
}

fn with_details(error: TaskError, details: Option<&RawValue>) -> TaskError {
    match details.filter(|details| details.get() != "null") {
        Some(details) => error.with_details(&details),
        None => error,
    }
}

/// The data with an error in it, unless it has one already.
fn with_error(data: Option<&RawValue>, error: &RawValue) -> Result<Box<RawValue>, String> {
    let mut fields: BTreeMap<Cow<'_, str>, &RawValue> = match data {
        Some(data) if data.get().starts_with('{') => {
            serde_json::from_str(data.get()).map_err(|error| error.to_string())?
        }
        Some(data) if data.get() != "null" => BTreeMap::from([("result".into(), data)]),
        _ => BTreeMap::new(),
    };
    fields.entry("error".into()).or_insert(error);
    to_raw_value(&fields).map_err(|error| error.to_string())
}
