//! Contracts from the types of a handler.

use std::future::Future;

use actix::{Actor, Addr, Handler, Recipient};
use schemars::JsonSchema;
use serde_json::Value;

use super::actor::{OnActor, Stateful};
use super::address::{AtAddress, RunTask, WithCancel};
use super::blocking::{Blocking, OnThread};
use super::function::Async;
use super::{AnyHandler, HandlerFn, IntoHandler, TaskHandler};
use crate::json::RawJson;
use crate::rules::derive;
use crate::task::{Reply, TaskError};
use crate::transport::Contract;

/// Registers a handler together with the schemas of its parameters and its result,
/// derived from its types. What the [`TaskSpec`](crate::TaskSpec) says of either wins.
///
/// Both types need `#[derive(JsonSchema)]`, of the crate `schemars` (1). [`RawJson`]
/// and [`Reply`] stand for any form, so they have no schema.
///
/// ```
/// use axon_worker::{TaskError, Worker, contract};
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Resize {
///     width: u32,
/// }
///
/// #[derive(Serialize, JsonSchema)]
/// struct Resized {
///     bytes: u64,
/// }
///
/// async fn resize(params: Resize) -> Result<Resized, TaskError> {
///     Ok(Resized { bytes: u64::from(params.width) * 4 })
/// }
/// # let _ =
/// Worker::builder("example").task("resize", contract(resize));
/// ```
///
/// It goes outside of the others: `contract(blocking(resize))`.
pub fn contract<H, Args>(handler: H) -> Contracted
where
    H: IntoHandler<Args> + Typed<Args>,
    H::Params: Described,
    H::Output: Described,
{
    Contracted {
        job: handler.into_handler(),
        contract: Contract {
            input: <H::Params as Described>::as_input(),
            output: <H::Output as Described>::as_output(),
            ..Contract::default()
        },
    }
}

/// See [`contract()`].
#[derive(Debug)]
pub struct Contracted {
    job: AnyHandler,
    contract: Contract,
}

/// Marks handlers with a derived contract among the things that can be registered.
#[doc(hidden)]
#[derive(Debug)]
pub struct WithContract;

#[diagnostic::do_not_recommend]
impl IntoHandler<WithContract> for Contracted {
    fn into_handler(self) -> AnyHandler {
        self.job
    }

    fn contract(&self) -> Contract {
        self.contract.clone()
    }
}

/// A type whose form can be told: everything that has a `schemars::JsonSchema`, and
/// [`RawJson`], [`Reply`] and `Valid<T>`.
#[diagnostic::on_unimplemented(
    message = "the form of `{Self}` is not known",
    note = "derive `schemars::JsonSchema` for it, or register the handler without `contract`"
)]
pub trait Described {
    #[doc(hidden)]
    fn as_input() -> Option<Value>;
    #[doc(hidden)]
    fn as_output() -> Option<Value>;
}

impl<T: JsonSchema> Described for T {
    fn as_input() -> Option<Value> {
        derive::taken::<T>()
    }

    fn as_output() -> Option<Value> {
        derive::returned::<T>()
    }
}

macro_rules! any_form {
    ($($type:ty),*) => {
        $(impl Described for $type {
            fn as_input() -> Option<Value> {
                None
            }

            fn as_output() -> Option<Value> {
                None
            }
        })*
    };
}

any_form!(RawJson, Reply);

#[cfg(feature = "validation")]
impl<T: JsonSchema> Described for super::Valid<T> {
    fn as_input() -> Option<Value> {
        derive::taken::<T>()
    }

    fn as_output() -> Option<Value> {
        derive::returned::<T>()
    }
}

/// A handler whose types are known.
#[doc(hidden)]
pub trait Typed<Args> {
    type Params;
    type Output;
}

/// The first of some arguments.
#[doc(hidden)]
pub trait First {
    type Argument;
}

macro_rules! first_of {
    ($($arg:ident)*) => {
        impl<P, $($arg,)*> First for (P, $($arg,)*) {
            type Argument = P;
        }
    };
}

first_of! {}
first_of! { A }
first_of! { A B }
first_of! { A B C }
first_of! { A B C D }
first_of! { A B C D E }

/// What a handler returns, without its errors.
#[doc(hidden)]
pub trait Returns {
    type Output;
}

impl<T, E: Into<TaskError>> Returns for Result<T, E> {
    type Output = T;
}

impl<H, Args, R> Typed<Async<Args>> for H
where
    H: HandlerFn<Args>,
    Args: First,
    H::Returned: Future<Output = R>,
    R: Returns,
{
    type Params = Args::Argument;
    type Output = R::Output;
}

impl<H, Args> Typed<OnThread<Args>> for Blocking<H, Args>
where
    H: HandlerFn<Args>,
    Args: First,
    H::Returned: Returns,
{
    type Params = Args::Argument;
    type Output = <H::Returned as Returns>::Output;
}

impl<A, P, T> Typed<AtAddress<P, T>> for Addr<A>
where
    A: Actor + Handler<RunTask<P, T>>,
    T: 'static,
{
    type Params = P;
    type Output = T;
}

impl<P, T> Typed<AtAddress<P, T>> for WithCancel<P, T>
where
    P: Send + 'static,
    T: Send + 'static,
{
    type Params = P;
    type Output = T;
}

impl<P, T> Typed<AtAddress<P, T>> for Recipient<RunTask<P, T>>
where
    P: Send + 'static,
    T: Send + 'static,
{
    type Params = P;
    type Output = T;
}

impl<H, F> Typed<OnActor> for Stateful<H, F>
where
    H: TaskHandler,
{
    type Params = H::Params;
    type Output = H::Output;
}
