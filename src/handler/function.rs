//! Plain functions as handlers: parameters first, then whatever else they ask for.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::{AnyJob, Call, FromParams, FromTask, IntoJob, Job, Need};
use crate::json::RawJson;
use crate::task::{Outcome, TaskContext, TaskError};

/// A function that can be called with the arguments `Args`: the parameters and up
/// to five things that implement [`FromTask`]. Functions implement it by themselves.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function that can handle tasks",
    label = "not a handler",
    note = "the first argument is the parameters of the task, of a type that implements `serde::Deserialize`",
    note = "up to five more follow that implement `FromTask`, such as `TaskContext`"
)]
pub trait Handler<Args>: Clone + Send + Sync + 'static {
    /// What the function returns; a future for async functions.
    type Returned;

    /// Takes the arguments out of the task and calls the function.
    ///
    /// # Errors
    /// When an argument cannot be had; the function was not called then.
    fn invoke(&self, params: RawJson, task: &TaskContext) -> Result<Self::Returned, TaskError>;

    /// What must have been given to the builder for the arguments.
    #[must_use]
    fn needs() -> Vec<Need> {
        Vec::new()
    }
}

macro_rules! handler_for_arity {
    ($($arg:ident)*) => {
        impl<F, R, P, $($arg,)*> Handler<(P, $($arg,)*)> for F
        where
            F: Fn(P, $($arg,)*) -> R + Clone + Send + Sync + 'static,
            P: FromParams,
            $($arg: FromTask,)*
        {
            type Returned = R;

            #[allow(unused_variables, reason = "functions of the parameters alone")]
            fn invoke(&self, params: RawJson, task: &TaskContext) -> Result<R, TaskError> {
                Ok(self(P::from_params(params)?, $($arg::from_task(task)?,)*))
            }

            fn needs() -> Vec<Need> {
                let needs: [Option<Need>; _] = [$($arg::need(),)*];
                needs.into_iter().flatten().collect()
            }
        }
    };
}

handler_for_arity! {}
handler_for_arity! { A }
handler_for_arity! { A B }
handler_for_arity! { A B C }
handler_for_arity! { A B C D }
handler_for_arity! { A B C D E }

/// What a handler returns: a `Result` whose value becomes a [`Reply`](crate::Reply) and
/// whose error becomes a [`TaskError`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a task handler cannot return `{Self}`",
    label = "not the end of a task",
    note = "it returns `Result<T, TaskError>`, where `T` implements `serde::Serialize` or is `Reply`",
    note = "`blocking(..)` takes functions that are not async; an async function is registered as it is"
)]
pub trait Returned {
    fn into_end(self) -> Outcome;
}

#[diagnostic::do_not_recommend]
impl<R: Into<Outcome>> Returned for R {
    fn into_end(self) -> Outcome {
        self.into()
    }
}

/// Marks async functions among the things that can be registered.
#[doc(hidden)]
#[derive(Debug)]
pub struct Async<Args>(PhantomData<fn(Args)>);

impl<H, Args, R> IntoJob<Async<Args>> for H
where
    H: Handler<Args>,
    H::Returned: Future<Output = R> + 'static,
    R: Returned + 'static,
    Args: 'static,
{
    fn into_job(self) -> AnyJob {
        AnyJob(Arc::new(AsyncJob::<H, Args>::new(self)))
    }
}

pub(super) struct AsyncJob<H, Args>(H, PhantomData<fn(Args)>);

impl<H, Args> AsyncJob<H, Args> {
    pub(super) fn new(function: H) -> Self {
        Self(function, PhantomData)
    }
}

impl<H, Args, R> Job for AsyncJob<H, Args>
where
    H: Handler<Args>,
    H::Returned: Future<Output = R> + 'static,
    R: Returned + 'static,
{
    fn call(&self, call: Call) -> LocalBoxFuture<'static, Outcome> {
        let hold = call.hold;
        match self.0.invoke(call.params, &call.context) {
            Ok(body) => body
                .map(move |returned| {
                    drop(hold);
                    returned.into_end()
                })
                .boxed_local(),
            Err(error) => std::future::ready(Outcome::Failed(error)).boxed_local(),
        }
    }

    fn needs(&self) -> Vec<Need> {
        H::needs()
    }
}
