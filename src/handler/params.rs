//! From the JSON of a task to the type a handler asks for.

use serde::de::DeserializeOwned;

use crate::json::RawJson;
use crate::task::TaskError;

/// What a handler can have as its first argument: any type that deserialises,
/// [`RawJson`] for the text as it came, or `Valid<T>` for rules beyond types.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from the parameters of a task",
    label = "not the parameters of a task",
    note = "derive `serde::Deserialize` for it; inside `Valid<..>` it needs `garde::Validate` as well",
    note = "the parameters are the first argument of a handler; `TaskContext` and the like come after them"
)]
pub trait FromParams: Sized {
    /// Reads the parameters.
    ///
    /// # Errors
    /// `INVALID_INPUT_ERROR`, naming the field at fault.
    fn from_params(params: RawJson) -> Result<Self, TaskError>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + 'static> FromParams for T {
    fn from_params(params: RawJson) -> Result<Self, TaskError> {
        // `RawJson` is a type that deserialises, too; parsing it would copy it.
        let slot: &mut dyn std::any::Any = &mut Some(params);
        if let Some(same) = slot.downcast_mut::<Option<T>>() {
            return Ok(same.take().expect("filled above"));
        }
        let params = slot
            .downcast_ref::<Option<RawJson>>()
            .and_then(Option::as_ref);
        read(params.expect("filled above"))
    }
}

fn read<T: DeserializeOwned>(params: &RawJson) -> Result<T, TaskError> {
    params.parse().map_err(|error| {
        let path = error.path().to_string();
        let cause = describe(error.inner());
        TaskError::invalid_input(if path == "." {
            cause
        } else {
            format!("field `{path}`: {cause}")
        })
    })
}

/// The message of the JSON parser without its position in the text, which means
/// nothing to whoever made the job.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// Parameters that are checked by rules beyond their types, with the `garde` crate.
///
/// ```
/// use axon_worker::{TaskError, Valid};
/// use garde::Validate;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, Validate)]
/// struct Resize {
///     #[garde(range(min = 1, max = 16384))]
///     width: u32,
/// }
///
/// async fn resize(Valid(params): Valid<Resize>) -> Result<u32, TaskError> {
///     Ok(params.width)
/// }
/// ```
#[cfg(feature = "validation")]
#[derive(Debug, Clone)]
pub struct Valid<T>(
    /// The parameters, known to be valid.
    pub T,
);

#[cfg(feature = "validation")]
#[diagnostic::do_not_recommend]
impl<T> FromParams for Valid<T>
where
    T: DeserializeOwned + garde::Validate<Context = ()>,
{
    fn from_params(params: RawJson) -> Result<Self, TaskError> {
        let value: T = read(&params)?;
        value.validate().map_err(|report| {
            let problems: Vec<String> = report
                .iter()
                .map(|(path, why)| format!("field `{path}`: {why}"))
                .collect();
            TaskError::invalid_input(problems.join("; "))
        })?;
        Ok(Self(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Add {
        a: i64,
        #[serde(default)]
        nested: Vec<Point>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Point {
        x: u8,
    }

    fn message<T: FromParams>(json: &'static str) -> String {
        let raw = RawJson::from_bytes(bytes::Bytes::from_static(json.as_bytes())).unwrap();
        let error = T::from_params(raw).err().expect("refused");
        assert_eq!(error.code(), &ErrorCode::InvalidInput);
        error.message().to_owned()
    }

    #[test]
    fn mistakes_name_the_field() {
        assert_eq!(message::<Add>("{}"), "missing field `a`");
        assert_eq!(
            message::<Add>(r#"{"a":"x"}"#),
            "field `a`: invalid type: string \"x\", expected i64"
        );
        assert_eq!(
            message::<Add>(r#"{"a":1,"nested":[{"x":1},{"x":-1}]}"#),
            "field `nested[1].x`: invalid value: integer `-1`, expected u8"
        );
    }

    #[test]
    fn raw_parameters_are_handed_over_as_they_came() {
        let text = bytes::Bytes::from_static(br#"{"a": 1.0}"#);
        let raw = RawJson::from_bytes(text.clone()).unwrap();
        let same = RawJson::from_params(raw).unwrap();
        assert_eq!(same.as_bytes().as_ptr(), text.as_ptr(), "not copied");
    }

    #[cfg(feature = "validation")]
    #[test]
    fn rules_beyond_types_name_the_field_too() {
        #[derive(Debug, Deserialize, garde::Validate)]
        struct Resize {
            #[garde(range(min = 1))]
            width: u32,
        }
        let text = message::<Valid<Resize>>(r#"{"width":0}"#);
        assert!(text.starts_with("field `width`: "), "{text}");
    }
}
