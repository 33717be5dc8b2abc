//! Handlers of custom commands: what users write, and how the worker calls it.

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use actix::prelude::*;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::{FromParams, SharedData};
use crate::id::{JobId, OrchestratorId, TaskId};
use crate::json::RawJson;
use crate::task::TaskError;
use crate::transport::CustomCommand;

/// A custom command that an orchestrator sent, as its handler sees it. Cheap to clone.
///
/// It is also the message that an actor gets which is registered as a handler.
#[derive(Clone, Message)]
#[rtype(result = "()")]
pub struct CommandCall(Arc<Inner>);

struct Inner {
    command: CustomCommand,
    origin: OrchestratorId,
    data: SharedData,
}

impl CommandCall {
    pub(crate) fn new(command: CustomCommand, origin: OrchestratorId, data: SharedData) -> Self {
        Self(Arc::new(Inner {
            command,
            origin,
            data,
        }))
    }

    /// What the command is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.command.name
    }

    /// What came with it, `{}` if nothing did.
    #[must_use]
    pub fn params(&self) -> &RawJson {
        &self.0.command.params
    }

    /// The parameters as a type.
    ///
    /// # Errors
    /// When they do not fit the type, naming the field at fault.
    pub fn parse<T: FromParams>(&self) -> Result<T, TaskError> {
        T::from_params(self.params().clone())
    }

    /// The task it is about, if the orchestrator named one.
    #[must_use]
    pub fn task_id(&self) -> Option<&TaskId> {
        self.0.command.task_id.as_ref()
    }

    /// The job it is about, if the orchestrator named one.
    #[must_use]
    pub fn job_id(&self) -> Option<&JobId> {
        self.0.command.job_id.as_ref()
    }

    /// Who sent it.
    #[must_use]
    pub fn origin(&self) -> OrchestratorId {
        self.0.origin
    }

    /// A value given to `WorkerBuilder::data`, by its type.
    ///
    /// # Errors
    /// When the worker was built without it.
    pub fn data<T: Send + Sync + 'static>(&self) -> Result<Arc<T>, TaskError> {
        self.0.data.get::<T>().ok_or_else(|| {
            TaskError::permanent(format!(
                "the handler asks for {}, but the worker was built without it",
                type_name::<T>()
            ))
        })
    }
}

impl fmt::Debug for CommandCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandCall")
            .field("command", &self.0.command)
            .field("origin", &self.0.origin)
            .finish_non_exhaustive()
    }
}

/// Something that can be registered with
/// [`WorkerBuilder::command`](crate::WorkerBuilder::command):
///
/// - an async function of the parameters, or of the parameters and the
///   [`CommandCall`], that returns `Result<(), TaskError>`;
/// - the [`Recipient`] of an actor that handles [`CommandCall`].
///
/// `Args` only tells them apart.
pub trait IntoCommand<Args> {
    #[doc(hidden)]
    fn into_command(self) -> AnyCommand;
}

/// A registered handler of a command.
#[doc(hidden)]
#[derive(Clone)]
pub struct AnyCommand(pub(crate) CommandHandler);

#[derive(Clone)]
pub(crate) enum CommandHandler {
    Function(Arc<dyn CommandFunction>),
    Actor(Recipient<CommandCall>),
}

/// A function whose types are forgotten.
pub(crate) trait CommandFunction: Send + Sync {
    /// Called away from the control thread; it may panic, and so may the future.
    fn call(&self, call: CommandCall) -> LocalBoxFuture<'static, Result<(), TaskError>>;
}

impl fmt::Debug for AnyCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyCommand")
    }
}

struct Function<F, Args>(F, PhantomData<fn(Args)>);

impl<F, P, R> IntoCommand<(P,)> for F
where
    F: Fn(P) -> R + Send + Sync + 'static,
    P: FromParams + 'static,
    R: Future<Output = Result<(), TaskError>> + 'static,
{
    fn into_command(self) -> AnyCommand {
        let function = Function::<F, (P,)>(self, PhantomData);
        AnyCommand(CommandHandler::Function(Arc::new(function)))
    }
}

impl<F, P, R> CommandFunction for Function<F, (P,)>
where
    F: Fn(P) -> R + Send + Sync + 'static,
    P: FromParams + 'static,
    R: Future<Output = Result<(), TaskError>> + 'static,
{
    fn call(&self, call: CommandCall) -> LocalBoxFuture<'static, Result<(), TaskError>> {
        match call.parse() {
            Ok(params) => self.0(params).boxed_local(),
            Err(error) => std::future::ready(Err(error)).boxed_local(),
        }
    }
}

impl<F, P, R> IntoCommand<(P, CommandCall)> for F
where
    F: Fn(P, CommandCall) -> R + Send + Sync + 'static,
    P: FromParams + 'static,
    R: Future<Output = Result<(), TaskError>> + 'static,
{
    fn into_command(self) -> AnyCommand {
        let function = Function::<F, (P, CommandCall)>(self, PhantomData);
        AnyCommand(CommandHandler::Function(Arc::new(function)))
    }
}

impl<F, P, R> CommandFunction for Function<F, (P, CommandCall)>
where
    F: Fn(P, CommandCall) -> R + Send + Sync + 'static,
    P: FromParams + 'static,
    R: Future<Output = Result<(), TaskError>> + 'static,
{
    fn call(&self, call: CommandCall) -> LocalBoxFuture<'static, Result<(), TaskError>> {
        match call.parse() {
            Ok(params) => self.0(params, call).boxed_local(),
            Err(error) => std::future::ready(Err(error)).boxed_local(),
        }
    }
}

/// Marks actors among the handlers of commands.
#[doc(hidden)]
#[derive(Debug)]
pub struct OnRecipient;

impl IntoCommand<OnRecipient> for Recipient<CommandCall> {
    fn into_command(self) -> AnyCommand {
        AnyCommand(CommandHandler::Actor(self))
    }
}
