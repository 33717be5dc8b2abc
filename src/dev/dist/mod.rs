//! A `DistWorker` controller in memory, for examples and tests.
//!
//! It does what the controller v0.0.6 does to a worker, its hanging up without a word
//! included, and has switches for what a network and a confused controller do. It is
//! **not for production**: everything is in memory, on the loopback address, in plain
//! HTTP.

mod builder;
mod http;
mod oddity;
mod server;
mod socket;
mod state;
mod task;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_ws::CloseCode;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::DevError;
pub use builder::DistControllerBuilder;
pub use oddity::Oddity;
use server::Command;
pub use state::DistEvent;
use state::{Shared, State, ToWorker};
pub use task::{DistOutcome, DistProgress, DistTask, DistTaskView};

/// A running controller. Clones are the same one; it ends when all are dropped.
///
/// ```
/// use axon_worker::dev::{DistController, DistOutcome};
/// use axon_worker::config::Settings;
/// use axon_worker::{TaskError, Worker};
/// use serde_json::{Value, json};
///
/// async fn echo(input: Value) -> Result<Value, TaskError> {
///     Ok(input)
/// }
///
/// # #[actix_rt::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let controller = DistController::start().await?;
/// let worker = Worker::builder("echo")
///     .settings(controller.settings())
///     .queue("echo.*", echo)
///     .spawn()?;
///
/// let task = controller.submit("echo.any", &json!({ "a": 1 }));
/// let outcome = controller.outcome_of(&task).await;
/// assert_eq!(outcome, DistOutcome::Completed(json!({ "a": 1 })));
/// worker.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DistController {
    shared: Arc<Shared>,
    commands: mpsc::UnboundedSender<Command>,
    address: SocketAddr,
}

impl DistController {
    /// A controller with default settings on a free port.
    ///
    /// # Errors
    /// When no port can be listened on.
    pub async fn start() -> Result<Self, DevError> {
        Self::builder().start().await
    }

    /// Begins the settings of a controller.
    #[must_use]
    pub fn builder() -> DistControllerBuilder {
        DistControllerBuilder::default()
    }

    /// Where it listens: what `DISTWORKER_CONTROLLER_URL` is to be.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Settings of a worker of this controller alone, with its provisioner.
    #[must_use]
    pub fn settings(&self) -> crate::config::Settings {
        let mut settings = crate::config::Settings::default();
        settings.orchestrators.clear();
        settings.distworker.controller_url = Some(self.url());
        settings
            .distworker
            .provisioner
            .clone_from(&self.shared.provisioner);
        settings.distworker.worker_token = self.shared.token.clone();
        settings
    }

    /// Queues a task. It goes to any idle worker, whatever the queue.
    ///
    /// # Panics
    /// When the input has no JSON form or is no object.
    pub fn submit(&self, queue: &str, input: &impl Serialize) -> String {
        self.submit_task(DistTask::new(queue, input))
    }

    /// Queues a task with everything that a task can have, and returns its id.
    pub fn submit_task(&self, task: DistTask) -> String {
        self.shared.change(|state| state.submit(task))
    }

    /// Waits for the end of a task: its success, or its failure when no retry is left.
    pub async fn outcome_of(&self, task_id: &str) -> DistOutcome {
        let ended = |state: &State| state.view(task_id)?.outcome;
        self.shared.wait_for(ended).await
    }

    /// What is known of a task.
    #[must_use]
    pub fn task(&self, task_id: &str) -> Option<DistTaskView> {
        self.shared.read(|state| state.view(task_id))
    }

    /// Waits until a task was assigned.
    pub async fn assigned(&self, task_id: &str) {
        let assigned = |state: &State| {
            let view = state.view(task_id)?;
            (view.assigned > 0).then_some(())
        };
        self.shared.wait_for(assigned).await;
    }

    /// What workers did, in order: the last 10 000 events.
    #[must_use]
    pub fn events(&self) -> Vec<DistEvent> {
        self.shared
            .read(|state| state.events.iter().cloned().collect())
    }

    /// The same without the first `seen` ones of all there were, for following along, and
    /// how many there were.
    #[must_use]
    pub fn events_after(&self, seen: usize) -> (Vec<DistEvent>, usize) {
        self.shared.read(|state| state.events.after(seen))
    }

    /// Waits for an event that fits, among all there were and will be.
    pub async fn event_where(&self, fits: impl Fn(&DistEvent) -> bool) -> DistEvent {
        let found = |state: &State| state.events.iter().find(|event| fits(event)).cloned();
        self.shared.wait_for(found).await
    }

    /// Registered workers that are connected now.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.shared.read(State::registered)
    }

    /// Waits until exactly so many registered workers are connected.
    pub async fn connected(&self, workers: usize) {
        let enough = |state: &State| (state.registered() == workers).then_some(());
        self.shared.wait_for(enough).await;
    }

    /// How many connections were opened so far, refused ones included.
    #[must_use]
    pub fn connections_so_far(&self) -> usize {
        self.shared.read(|state| state.connections_so_far)
    }

    /// Ends all connections without a word, as a lost network does.
    pub fn drop_connections(&self) {
        self.shared.change(|state| state.tell_all(&ToWorker::Drop));
    }

    /// Closes all connections politely, with this code.
    pub fn close_connections(&self, code: u16) {
        let code = CloseCode::from(code);
        let close = |state: &mut State| state.tell_all(&ToWorker::Close(code));
        self.shared.change(close);
    }

    /// Stops reading, writing and pinging on all connections, which stay open. Returns
    /// when it is silent.
    pub async fn go_silent(&self) {
        let silenced = self.shared.change(|state| {
            state.tell_all(&ToWorker::Silence);
            state.silenced + state.registered()
        });
        let silent = |state: &State| (state.silenced >= silenced).then_some(());
        self.shared.wait_for(silent).await;
    }

    /// Sends something odd to all workers.
    pub fn send_odd(&self, oddity: Oddity) {
        self.shared
            .change(|state| state.tell_all(&ToWorker::Odd(oddity)));
    }

    /// Assigns one more task to the worker that has this one, as a confused controller
    /// does. With `repeat`, the same task again.
    pub fn assign_beside(&self, task_id: &str, other: DistTask, repeat: bool) -> Option<String> {
        self.shared
            .change(|state| state.assign_beside(task_id, other, repeat))
    }

    /// Ends each of the next connections at their registration, without a word.
    pub fn refuse_registrations(&self, count: usize) {
        self.shared.change(|state| state.refusals = count);
    }

    /// Answers the next attempts to connect with status 503.
    pub fn answer_unavailable(&self, count: usize) {
        self.shared.change(|state| state.unavailable = count);
    }

    /// Assigns a task before it answers the next registration, and answers late.
    pub fn answer_registration_late(&self, by: Duration) {
        self.shared.change(|state| state.late = Some(by));
    }

    /// Sets its clock ahead by so many seconds, or behind.
    pub fn set_clock(&self, ahead: i64) {
        self.shared.change(|state| state.clock_ahead = ahead);
    }

    /// Keeps the content of a file for workers that ask for it.
    pub fn keep_file(&self, file_id: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.shared
            .change(|state| drop(state.files.insert(file_id.into(), content.into())));
    }

    /// Closes the port and all connections.
    pub async fn go_down(&self) {
        self.ask(Command::GoDown).await;
    }

    /// Listens on the same port again.
    pub async fn come_up(&self) {
        self.ask(Command::ComeUp).await;
    }

    async fn ask(&self, command: impl FnOnce(oneshot::Sender<()>) -> Command) {
        let (done, was_done) = oneshot::channel();
        if self.commands.send(command(done)).is_ok() {
            // A server that ends meanwhile has done all it could.
            let _ = was_done.await;
        }
    }
}

impl std::fmt::Debug for DistController {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DistController")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
