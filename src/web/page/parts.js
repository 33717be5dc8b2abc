// The parts of the page, each brought up to date from one status.

function condition(status) {
  if (status.ended) return ["ended", "bad"];
  if (status.draining) return ["draining", "warn"];
  if (!status.registered) return ["not registered", "bad"];
  if (status.paused) return ["paused", "warn"];
  if (!status.ready) return ["not ready", "bad"];
  if (status.capacity.refused) return ["no tasks: " + status.capacity.refused, "warn"];
  if (status.capacity.tasks >= status.capacity.limit) return ["all slots taken", "good"];
  return [status.capacity.tasks ? "working" : "idle", "good"];
}

function showHead(status) {
  const title = status.worker_id + " – worker";
  if (document.title !== title) document.title = title;
  say(byId("name"), status.worker_id);
  say(byId("about"), status.worker_type + " · axon-worker " + status.version + " · up " + span(status.uptime));
  const [word, colour] = condition(status);
  say(byId("state"), word);
  mark(byId("state"), "pill " + colour);
  const notice = byId("notice");
  notice.hidden = status.ready;
  say(notice, status.ready ? "" : "Not ready: " + status.reasons.join("; ") + ".");
}

const FIGURES = [["succeeded", "succeeded"], ["failed", "failed"], ["cancelled", "cancelled"],
  ["interrupted", "interrupted"], ["delivered", "delivered"], ["unsent", "unsent"], ["lost", "lost"], ["abandoned", "stuck"]];
const ALARMING = ["lost", "abandoned"];

function showTotals(status) {
  list(byId("totals"), FIGURES, ([key]) => key, ([, label]) => {
    const box = make("div"), value = make("dd");
    box.append(make("dt", "", label), value);
    return Object.assign(box, { value });
  }, (box, [key]) => {
    say(box.value, count(status[key]));
    mark(box.value, ALARMING.includes(key) && status[key] ? "bad" : "");
  });
}

function showSlots(status) {
  const capacity = status.capacity;
  const notes = [];
  if (capacity.polls) notes.push(count(capacity.polls) + " waiting for tasks");
  if (capacity.parked) notes.push(count(capacity.parked) + " tasks wait for their type");
  const all = { name: "all", key: "", running: capacity.tasks, limit: capacity.limit, notes: notes.join(", ") };
  const types = capacity.types.map((type) => ({ ...type, key: "type " + type.name, notes: "" }));
  list(byId("slots"), [all, ...types], (type) => type.key, (type) => {
    const box = make("div", "gauge"), line = make("p"), numbers = make("span"), notes = make("p", "soft");
    const bar = make("div", "bar"), inner = make("i");
    bar.setAttribute("role", "meter");
    bar.setAttribute("aria-label", "Slots of " + (type.key ? "type " + type.name : "all tasks"));
    bar.setAttribute("aria-valuemin", "0");
    bar.append(inner);
    line.append(make("span", "foreign", type.key ? type.name : "all tasks"), numbers);
    box.append(line, bar, notes);
    return Object.assign(box, { bar, inner, numbers, notes });
  }, (box, type) => {
    const text = count(type.running) + " of " + count(type.limit);
    say(box.numbers, text);
    say(box.notes, type.notes);
    box.notes.hidden = !type.notes;
    box.bar.setAttribute("aria-valuemax", type.limit);
    box.bar.setAttribute("aria-valuenow", Math.min(type.running, type.limit));
    box.bar.setAttribute("aria-valuetext", text);
    box.inner.style.width = Math.min(100, 100 * type.running / Math.max(type.limit, 1)) + "%";
  });
}

function showTasks(status) {
  const inOrder = [...status.tasks].sort((a, b) => b.elapsed - a.elapsed || (a.task_id < b.task_id ? -1 : 1));
  list(byId("tasks"), inOrder, (task) => task.task_id, (task) => {
    const row = make("li"), name = make("div"), how = make("div", "how");
    const bar = make("progress"), said = make("div", "soft foreign"), time = make("div", "number");
    bar.max = 1;
    bar.setAttribute("aria-label", "Progress of " + task.name + ", " + task.task_id);
    name.append(make("b", "foreign", task.name), make("div", "id foreign", task.task_id));
    how.append(bar, said);
    const cancel = make("button", "", "Cancel");
    cancel.type = "button";
    cancel.setAttribute("aria-label", "Cancel " + task.name + ", " + task.task_id);
    cancel.onclick = () => act({ path: "cancel/" + encodeURIComponent(task.task_id), word: "Cancel",
      title: "Cancel " + task.name + "?", button: cancel });
    row.append(name, how, time, cancel);
    return Object.assign(row, { bar, said, time, cancel });
  }, (row, task) => {
    const [value, message] = task.progress || [0, ""];
    row.bar.hidden = !task.progress;
    row.bar.value = value;
    const percent = Math.round(value * 100) + " %";
    say(row.said, !task.running ? "waits for a slot of its type"
      : task.progress ? percent + (message ? " · " + message : "") : "running");
    say(row.time, span(task.elapsed));
    row.cancel.hidden = !status.admin;
  }, "No task at the moment.", byId("h-tasks"));
  const more = byId("more-tasks");
  more.hidden = !status.more_tasks;
  say(more, status.more_tasks ? "and " + count(status.more_tasks) + " more, which came later" : "");
}

function showOrchestrators(status) {
  list(byId("orchestrators"), status.orchestrators, (it) => it.name, (it) => {
    const row = make("li"), state = make("div"), facts = make("div", "facts soft"), trouble = make("div", "trouble bad foreign");
    row.append(make("b", "foreign", it.name), state, facts, trouble);
    return Object.assign(row, { state, facts, trouble });
  }, (row, it) => {
    say(row.state, it.registered ? (it.active ? "registered" : "standby") : "not registered");
    mark(row.state, it.registered ? "good" : "bad");
    const facts = [];
    if (it.registered) facts.push(it.open_polls === 1 ? "1 open poll" : it.open_polls + " open polls");
    if (it.last_heartbeat !== null) facts.push("heartbeat " + span(it.last_heartbeat) + " ago");
    if (it.latency !== null) facts.push("answered in " + span(it.latency));
    say(row.facts, facts.join(" · "));
    say(row.trouble, it.trouble ? it.trouble.message + " (" + span(it.trouble.ago) + " ago)" : "");
    row.trouble.hidden = !it.trouble;
  }, "None.");
}

function showRest(status) {
  list(byId("failures"), status.failures, (it) => it.task_id + " " + it.at, (it) => {
    const row = make("li"), what = make("div", "what"), at = new Date(it.at * 1000);
    const time = make("time", "soft number", at.toLocaleTimeString("en-GB"));
    time.dateTime = at.toISOString();
    what.append(make("b", "foreign", it.name), time);
    row.append(what, make("div", "bad foreign", it.code), make("div", "said foreign", it.message));
    return row;
  }, () => {}, "No task has failed.");
  list(byId("hot"), status.hot_cache, (model) => model, (model) => make("li", "foreign", model), () => {},
    "No models in memory.");
  const skills = byId("hot-skills");
  skills.hidden = !status.hot_skills.length;
  say(skills, "Ready at once: " + status.hot_skills.join(", "));
  const handlers = status.threads.handlers.map((lag, at) => ["handlers " + (at + 1), lag]);
  list(byId("threads"), [["control", status.threads.control], ...handlers], ([name]) => name, ([name]) => {
    const row = make("li"), lag = make("span", "number");
    row.append(make("span", "", name), lag);
    return Object.assign(row, { lag });
  }, (row, [, lag]) => {
    say(row.lag, lag === null ? "stuck" : "answers in " + span(lag));
    mark(row.lag, lag === null ? "number bad" : "number soft");
  });
}
