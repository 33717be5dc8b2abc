// Where the news comes from: server-sent events, while somebody looks.

const base = location.pathname.replace(/\/?$/, "/");
/** The worker tells its state every second; after this long it is taken for gone. */
const SILENT = 6000;
const AGAIN = 1500;
const REST = 5000;
let source = null, alarm = 0, before = null, worker = "";

function show(status) {
  document.body.classList.remove("stale");
  showHead(status);
  showTotals(status);
  showSlots(status);
  showTasks(status);
  showOrchestrators(status);
  showRest(status);
  showControl(status);

  const beats = status.orchestrators.map((it) => it.latency).filter((latency) => latency !== null);
  const now = { time: status.uptime, run: status.run_time, latency: beats.length ? Math.max(...beats) : null,
    ended: status.succeeded + status.failed + status.cancelled + status.interrupted };
  if (worker !== status.worker_id || (before && before.time > now.time)) {
    forget();
    before = null;
  }
  worker = status.worker_id;
  // What was before the page was opened, or while nobody saw it.
  for (const past of status.history || []) if (!before || past.time > before.time) trace(past);
  trace(now);
}

/** Adds the numbers of a moment to the plots. */
function trace(now) {
  const passed = before ? now.time - before.time : 0, ended = before ? now.ended - before.ended : 0;
  draw("rate", now.time, passed > 0 ? ended / passed : null, (value) => value.toFixed(value < 10 ? 1 : 0) + "/s");
  draw("run", now.time, ended > 0 ? (now.run - before.run) / ended : null, span);
  draw("latency", now.time, now.latency, span);
  before = now;
}

function lost() {
  document.body.classList.add("stale");
  say(byId("state"), "no connection");
  mark(byId("state"), "pill bad");
  byId("notice").hidden = false;
  say(byId("notice"), "The worker does not answer. This page goes on as soon as it does.");
}

/** Waits for the next news, and begins anew when none come. */
function awaitNews(time) {
  clearTimeout(alarm);
  alarm = setTimeout(() => {
    lost();
    listen();
  }, time);
}

function listen() {
  if (source) source.close();
  source = new EventSource(base + "stream");
  awaitNews(SILENT);
  source.onmessage = (message) => {
    const status = JSON.parse(message.data);
    show(status);
    if (!status.ended) return awaitNews(SILENT);
    // The service goes on without its worker; perhaps another one takes its place.
    rest();
    alarm = setTimeout(listen, REST);
    return undefined;
  };
  source.onerror = () => {
    lost();
    // Closed for good, after an answer that is no stream; else the browser tries again itself.
    if (source.readyState === EventSource.CLOSED) awaitNews(AGAIN);
  };
}

function rest() {
  clearTimeout(alarm);
  if (source) source.close();
  source = null;
}

// A page that nobody sees costs the worker nothing.
document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));
for (const link of document.querySelectorAll("a[data-path]")) link.href = base + link.dataset.path;
if (!document.hidden) listen();
