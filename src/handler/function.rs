//! Plain functions as handlers: parameters first, then whatever else they ask for.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::{AnyHandler, Call, ErasedHandler, FromParams, FromTask, IntoHandler, Need};
use crate::json::RawJson;
use crate::task::{Outcome, TaskContext, TaskError};

/// A function that can be called with the arguments `Args`: the parameters, and up to five
/// things that implement [`FromTask`]. Functions implement it by themselves.
// Nothing is said of the arguments here: so the compiler finds out what they are before it
// looks whether they can be had, and names the one that cannot.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot do tasks",
    label = "not a function that can do tasks",
    note = "the first argument is the parameters of the task, of a type that implements `serde::Deserialize`",
    note = "up to five more follow that implement `FromTask`, such as `TaskContext`"
)]
pub trait HandlerFn<Args>: Clone + Send + Sync + 'static {
    /// What the function returns; a future for async functions.
    type Returned;

    /// Calls the function.
    fn call(&self, arguments: Args) -> Self::Returned;
}

/// The arguments of a function, which a task has.
#[doc(hidden)]
pub trait Arguments: Sized {
    /// Takes them out of the task.
    ///
    /// # Errors
    /// When one of them cannot be had.
    fn take(params: RawJson, task: &TaskContext) -> Result<Self, TaskError>;

    /// What must have been given to the builder for them.
    #[must_use]
    fn needs() -> Vec<Need>;
}

macro_rules! functions_of {
    ($($arg:ident)*) => {
        impl<F, R, P, $($arg,)*> HandlerFn<(P, $($arg,)*)> for F
        where
            F: Fn(P, $($arg,)*) -> R + Clone + Send + Sync + 'static,
        {
            type Returned = R;

            #[allow(non_snake_case, reason = "arguments are called as their types")]
            fn call(&self, (first, $($arg,)*): (P, $($arg,)*)) -> R {
                self(first, $($arg,)*)
            }
        }

        impl<P: FromParams, $($arg: FromTask,)*> Arguments for (P, $($arg,)*) {
            #[allow(unused_variables, reason = "functions of the parameters alone")]
            fn take(params: RawJson, task: &TaskContext) -> Result<Self, TaskError> {
                let params = task.files().reading(|| P::from_params(params))?;
                Ok((params, $($arg::from_task(task)?,)*))
            }

            fn needs() -> Vec<Need> {
                let needs: [Option<Need>; _] = [$($arg::need(),)*];
                needs.into_iter().flatten().collect()
            }
        }
    };
}

functions_of! {}
functions_of! { A }
functions_of! { A B }
functions_of! { A B C }
functions_of! { A B C D }
functions_of! { A B C D E }

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

impl<H, Args, R> IntoHandler<Async<Args>> for H
where
    H: HandlerFn<Args>,
    Args: Arguments + 'static,
    H::Returned: Future<Output = R> + 'static,
    R: Returned + 'static,
{
    fn into_handler(self) -> AnyHandler {
        AnyHandler(Arc::new(AsyncFunction::<H, Args>::new(self)))
    }
}

pub(super) struct AsyncFunction<H, Args>(H, PhantomData<fn(Args)>);

impl<H, Args> AsyncFunction<H, Args> {
    pub(super) fn new(function: H) -> Self {
        Self(function, PhantomData)
    }
}

impl<H, Args, R> ErasedHandler for AsyncFunction<H, Args>
where
    H: HandlerFn<Args>,
    Args: Arguments,
    H::Returned: Future<Output = R> + 'static,
    R: Returned + 'static,
{
    fn call(&self, call: Call) -> LocalBoxFuture<'static, Outcome> {
        let hold = call.hold;
        match Args::take(call.params, &call.context) {
            Ok(arguments) => (self.0)
                .call(arguments)
                .map(move |returned| {
                    drop(hold);
                    returned.into_end()
                })
                .boxed_local(),
            Err(error) => std::future::ready(Outcome::Failed(error)).boxed_local(),
        }
    }

    fn needs(&self) -> Vec<Need> {
        Args::needs()
    }
}
