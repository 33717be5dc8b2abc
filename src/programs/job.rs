//! A program as a handler.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::mpsc;
use tracing::Instrument;

use super::order::Order;
use super::program::{Ready, ReadyProgram};
use super::{environment, keeper, once, pool};
use crate::handler::{AnyHandler, Call, ErasedHandler, HandlerContext, IntoHandler};
use crate::task::{ErrorCode, Outcome, TaskError};

/// Marks programs among the things that can be registered.
#[doc(hidden)]
#[derive(Debug)]
pub struct OfProgram;

#[diagnostic::do_not_recommend]
impl IntoHandler<OfProgram> for ReadyProgram {
    fn into_handler(self) -> AnyHandler {
        let way = if self.0.is_once() {
            Way::Once(self.0)
        } else {
            Way::Pool(Pool::new(self.0))
        };
        AnyHandler(Arc::new(ProgramJob(Arc::new(way))))
    }
}

struct ProgramJob(Arc<Way>);

enum Way {
    Once(Arc<Ready>),
    Pool(Pool),
}

impl ErasedHandler for ProgramJob {
    fn call(&self, call: Call) -> LocalBoxFuture<'static, Outcome> {
        let way = Arc::clone(&self.0);
        async move {
            let (order, expected) = match Order::of(call).await {
                Ok(ordered) => ordered,
                Err(error) => return Outcome::Failed(error),
            };
            let given = match &*way {
                Way::Once(program) => {
                    let (program, span) = (program.clone(), order.span.clone());
                    keeper::spawn(move || once::run(program, order).instrument(span))
                }
                Way::Pool(pool) => pool.give(order),
            };
            if let Err(error) = given {
                let text = format!("no thread for programs: {error}");
                return Outcome::Failed(TaskError::new(ErrorCode::ResourceExhausted, text));
            }
            expected.outcome().await
        }
        .boxed_local()
    }

    fn begin(&self, _: &HandlerContext) {
        let (Way::Once(program) | Way::Pool(Pool { program, .. })) = &*self.0;
        if program.gets_all_but_secrets() {
            environment::tell_of_withheld();
        }

        if let Way::Pool(pool) = &*self.0
            && pool.program.is_ahead()
            && let Err(error) = pool.started()
        {
            // The first task tries again, and tells.
            tracing::warn!(%error, "a pool of processes cannot be started");
        }
    }
}

/// The way to a pool, which runs on the keeper's thread from the first task on, or from
/// the start of the worker.
struct Pool {
    program: Arc<Ready>,
    orders: Mutex<Option<mpsc::UnboundedSender<Order>>>,
}

impl Pool {
    fn new(program: Arc<Ready>) -> Self {
        Self {
            program,
            orders: Mutex::new(None),
        }
    }

    fn started(&self) -> std::io::Result<mpsc::UnboundedSender<Order>> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(orders) = orders.as_ref().filter(|orders| !orders.is_closed()) {
            return Ok(orders.clone());
        }
        let (sender, receiver) = mpsc::unbounded_channel();
        let program = self.program.clone();
        keeper::spawn(move || pool::run(program, receiver))?;
        *orders = Some(sender.clone());
        Ok(sender)
    }

    fn give(&self, order: Order) -> std::io::Result<()> {
        let sent = self.started()?.send(order);
        sent.map_err(|_| std::io::Error::other("the pool has ended"))
    }
}
