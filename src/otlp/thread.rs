//! The thread that sends, and what it is asked to do.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use super::metrics::{Metrics, Source};
use super::sender::Sender;
use super::spans::Spans;
use super::who::Who;
use crate::config::OtlpSettings;
use crate::worker::WorkerHandle;

/// The longest that anybody waits for what is left to go out.
const FLUSH: Duration = Duration::from_secs(5);

enum Order {
    Provider(SdkTracerProvider),
    Watch(Box<Source>),
    Flush(oneshot::Sender<()>),
}

/// Where orders for the thread are left.
pub(super) struct Desk(mpsc::UnboundedSender<Order>);

impl Desk {
    /// What flushes spans.
    pub(super) fn give(&self, provider: Option<SdkTracerProvider>) {
        if let Some(provider) = provider {
            let _ = self.0.send(Order::Provider(provider));
        }
    }

    pub(super) fn watch(&self, worker: WorkerHandle, resource: Resource) {
        let source = Source::new(worker, &resource);
        let _ = self.0.send(Order::Watch(Box::new(source)));
    }

    pub(super) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        let _ = self.0.send(Order::Flush(done));
        let _ = wait.await;
    }
}

/// Starts the thread. It stays until the process ends, and keeps nobody waiting then.
pub(super) fn start(settings: &OtlpSettings, who: &Arc<Who>) -> io::Result<(Desk, Option<Spans>)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_name("axon-otlp-flush")
        .build()?;
    let hurry = Arc::new(AtomicUsize::new(0));
    let sender = |what, url| Arc::new(Sender::new(what, url, settings, hurry.clone()));
    let spans = settings.traces_url().map(|url| Spans {
        sender: sender("traces", url),
        who: who.clone(),
        runtime: runtime.handle().clone(),
    });
    let metrics = settings.metrics_url().map(|url| sender("metrics", url));
    let metrics = metrics.map(|sender| Arc::new(Mutex::new(Metrics::new(sender))));
    let (orders, inbox) = mpsc::unbounded_channel();
    let interval = settings.metric_interval;
    std::thread::Builder::new()
        .name("axon-otlp".to_owned())
        .spawn(move || runtime.block_on(serve(inbox, metrics, interval, hurry)))?;
    Ok((Desk(orders), spans))
}

async fn serve(
    mut inbox: mpsc::UnboundedReceiver<Order>,
    metrics: Option<Arc<Mutex<Metrics>>>,
    interval: Duration,
    hurry: Arc<AtomicUsize>,
) {
    let mut provider = None;
    let mut tick = tokio::time::interval(interval);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first one is at once, when there is nothing to tell.
    tick.tick().await;
    loop {
        tokio::select! {
            order = inbox.recv() => match order {
                Some(Order::Provider(given)) => provider = Some(given),
                Some(Order::Watch(source)) => {
                    let Some(metrics) = metrics.clone() else { continue };
                    tokio::spawn(async move { metrics.lock().await.watch(*source) });
                }
                Some(Order::Flush(done)) => {
                    let (metrics, provider, hurry) = (metrics.clone(), provider.clone(), hurry.clone());
                    tokio::spawn(async move {
                        hurry.fetch_add(1, Ordering::Relaxed);
                        let _ = tokio::time::timeout(FLUSH, flush(metrics, provider)).await;
                        hurry.fetch_sub(1, Ordering::Relaxed);
                        let _ = done.send(());
                    });
                }
                None => return,
            },
            _ = tick.tick() => {
                let Some(metrics) = metrics.clone() else { continue };
                tokio::spawn(async move {
                    // One that still runs is enough.
                    if let Ok(mut metrics) = metrics.try_lock() {
                        metrics.export().await;
                    }
                });
            }
        }
    }
}

async fn flush(metrics: Option<Arc<Mutex<Metrics>>>, provider: Option<SdkTracerProvider>) {
    let metrics = async {
        if let Some(metrics) = metrics {
            metrics.lock().await.export().await;
        }
    };
    let spans = async {
        if let Some(provider) = provider {
            // It blocks, and its exports need this thread.
            let flushed = tokio::task::spawn_blocking(move || provider.force_flush());
            let _ = flushed.await;
        }
    };
    tokio::join!(metrics, spans);
}
