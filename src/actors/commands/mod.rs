//! The command channel of one orchestrator: kept open, and what comes over it
//! passed on.
//!
//! The actor decides; a task of its own listens and reports, and handlers of
//! custom commands run elsewhere, so nothing of theirs can hold up a cancel.

mod desk;
mod host;
mod reconnect;

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use actix::prelude::*;
use futures_util::FutureExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

pub(crate) use desk::{CommandDesk, CommandHandlers};
pub(crate) use host::CommandHost;

use super::pool::guarded;
use super::supervisor::CancelTask;
use crate::id::OrchestratorId;
use crate::task::CancelReason;
use crate::transport::{
    CancelTarget, Command, CommandLink, CustomCommand, Transport, TransportError,
};
use reconnect::ReconnectPolicy;

/// How many unknown commands are remembered, so that each is logged once only.
const REMEMBERED: usize = 64;

/// The orchestrator has us registered: it may be asked for commands.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct OpenChannel;

/// The worker ends. Answered when the link is closed.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct CloseChannel;

/// What the task that owns the link has to tell.
#[derive(Message)]
#[rtype(result = "()")]
enum News {
    Opened,
    Came(Command),
    /// The link is closed, or none came about.
    Ended(Result<(), TransportError>),
}

/// Keeps one command channel open.
pub(crate) struct WsCommandActor {
    id: OrchestratorId,
    /// For logs.
    name: String,
    transport: Rc<dyn Transport>,
    supervisor: Recipient<CancelTask>,
    desk: CommandDesk,
    link: Link,
    relink: ReconnectPolicy,
    unknown: HashSet<String>,
}

enum Link {
    /// Until we are registered.
    Closed,
    /// Opened again when the timer runs out; sooner after a registration, unless
    /// we were not welcome.
    Waiting { timer: SpawnHandle, firmly: bool },
    /// A task opens the link or listens to it. It ends without news where the
    /// protocol has no commands.
    Open {
        stop: CancellationToken,
        task: tokio::task::JoinHandle<()>,
    },
    /// The worker ends.
    Stopped,
}

impl WsCommandActor {
    pub(crate) fn new(
        id: OrchestratorId,
        name: String,
        transport: Rc<dyn Transport>,
        supervisor: Recipient<CancelTask>,
        desk: CommandDesk,
    ) -> Self {
        Self {
            id,
            name,
            transport,
            supervisor,
            desk,
            link: Link::Closed,
            relink: ReconnectPolicy::new(),
            unknown: HashSet::new(),
        }
    }

    fn open(&mut self, ctx: &mut Context<Self>) {
        let stop = CancellationToken::new();
        let listening = listen(self.transport.clone(), ctx.address(), stop.clone());
        let task = actix_rt::spawn(listening);
        self.link = Link::Open { stop, task };
    }

    fn came(&mut self, command: Command) {
        match command {
            Command::Cancel(target) => self.supervisor.do_send(CancelTask {
                origin: Some(self.id),
                target,
                reason: CancelReason::Requested,
            }),
            Command::Orphan(task_id) => self.supervisor.do_send(CancelTask {
                origin: Some(self.id),
                target: CancelTarget(task_id.as_str().to_owned()),
                reason: CancelReason::Orphaned,
            }),
            Command::Custom(command) => self.pass_on(command),
        }
    }

    fn pass_on(&mut self, command: CustomCommand) {
        if self.desk.knows(&command.name) {
            debug!(orchestrator = %self.name, command = %command.name, "a command came");
            self.desk.hand_in(self.id, command);
        } else if self.unknown.len() < REMEMBERED && self.unknown.insert(command.name.clone()) {
            debug!(orchestrator = %self.name, command = %command.name, "no handler for this command");
        }
    }

    fn ended(&mut self, error: &TransportError, ctx: &mut Context<Self>) {
        let wait = self.relink.ended(error, Instant::now(), fastrand::f64());
        warn!(orchestrator = %self.name, %error, again_in = ?wait, "no command channel");
        self.link = Link::Waiting {
            timer: ctx.run_later(wait, Self::open),
            firmly: matches!(
                error,
                TransportError::Unauthorized { .. }
                    | TransportError::Refused { .. }
                    | TransportError::RateLimited { .. }
            ),
        };
    }
}

/// Owns the link from its beginning to its end, which it waits for: where a new
/// link meets the old one, avtomatika 1.0b12 loses both.
async fn listen(
    transport: Rc<dyn Transport>,
    actor: Addr<WsCommandActor>,
    stop: CancellationToken,
) {
    let Some(opening) = transport.open_commands() else {
        return;
    };
    let opened = stop.run_until_cancelled(guarded(opening)).await;
    let ended = match opened {
        Some(Ok(mut link)) => {
            actor.do_send(News::Opened);
            let ended = hear(&mut *link, &actor, &stop).await;
            // A panic in it must not keep the news of the end from the actor.
            let _ = AssertUnwindSafe(link.close()).catch_unwind().await;
            ended
        }
        Some(Err(error)) => Err(error),
        None => Ok(()),
    };
    actor.do_send(News::Ended(ended));
}

async fn hear(
    link: &mut dyn CommandLink,
    actor: &Addr<WsCommandActor>,
    stop: &CancellationToken,
) -> Result<(), TransportError> {
    while let Some(next) = stop.run_until_cancelled(guarded(link.next())).await {
        actor.do_send(News::Came(next?));
    }
    Ok(())
}

impl Actor for WsCommandActor {
    type Context = Context<Self>;
}

impl Handler<OpenChannel> for WsCommandActor {
    type Result = ();

    fn handle(&mut self, _: OpenChannel, ctx: &mut Self::Context) {
        match self.link {
            Link::Closed => self.open(ctx),
            Link::Waiting {
                timer,
                firmly: false,
            } => {
                ctx.cancel_future(timer);
                self.open(ctx);
            }
            Link::Waiting { .. } | Link::Open { .. } | Link::Stopped => {}
        }
    }
}

impl Handler<News> for WsCommandActor {
    type Result = ();

    fn handle(&mut self, news: News, ctx: &mut Self::Context) {
        match news {
            News::Opened => {
                info!(orchestrator = %self.name, "command channel is open");
                self.relink.opened(Instant::now());
            }
            News::Came(command) => self.came(command),
            News::Ended(Err(error)) if matches!(self.link, Link::Open { .. }) => {
                self.ended(&error, ctx);
            }
            News::Ended(_) => {}
        }
    }
}

impl Handler<CloseChannel> for WsCommandActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: CloseChannel, ctx: &mut Self::Context) -> Self::Result {
        match std::mem::replace(&mut self.link, Link::Stopped) {
            Link::Open { stop, task } => {
                stop.cancel();
                return Box::pin(async move { drop(task.await) });
            }
            Link::Waiting { timer, .. } => drop(ctx.cancel_future(timer)),
            Link::Closed | Link::Stopped => {}
        }
        Box::pin(std::future::ready(()))
    }
}
