// Pause, resume, drain and cancel. The token stays in this page and ends with it.

let token = "";
let paused = false;

function showControl(status) {
  byId("control").hidden = !status.admin;
  paused = status.paused;
  say(byId("pause"), paused ? "Resume" : "Pause");
  byId("pause").disabled = byId("drain").disabled = status.draining;
}

/** Asks what has to be asked, which is the token at the first time, and does it. */
function act(order) {
  if (order.button && order.button.ariaDisabled === "true") return undefined;
  if (token && !order.text) return send(order);
  byId("ask").order = order;
  say(byId("ask-title"), order.title);
  say(byId("ask-text"), order.text || "");
  say(byId("ask-error"), order.error || "");
  say(byId("ask-yes"), order.word);
  byId("ask-label").hidden = Boolean(token);
  byId("token").value = "";
  byId("ask").showModal();
  (token ? byId("ask-yes") : byId("token")).focus();
  return undefined;
}

/** A button that was used and has not had its effect yet; it keeps the focus. */
function busy(button, is) {
  if (!button) return;
  button.setAttribute("aria-disabled", String(is));
  say(button, is ? "Cancelling" : "Cancel");
}

async function send(order) {
  busy(order.button, true);
  let answer = null, body = {};
  try {
    answer = await fetch(base + order.path, { method: "POST", headers: { Authorization: "Bearer " + token } });
    body = await answer.json();
  } catch {
    body.error = "the worker does not answer";
  }
  if (!answer || !answer.ok) busy(order.button, false);
  if (answer && answer.status === 401) {
    token = "";
    act({ ...order, error: "This token is not the right one." });
    return;
  }
  say(byId("done"), order.word + ": " + (body.error || body.status) + ".");
}

byId("pause").onclick = () => act(paused
  ? { path: "resume", word: "Resume", title: "Take tasks again?" }
  : { path: "pause", word: "Pause", title: "Take no more tasks?" });
byId("drain").onclick = () => act({ path: "drain", word: "Drain", title: "Drain and stop the worker?",
  text: "It takes no more tasks, finishes those it has, and ends. It has to be started anew." });
byId("ask-no").onclick = () => byId("ask").close();
byId("ask-form").onsubmit = (event) => {
  event.preventDefault();
  const { text, error, ...order } = byId("ask").order;
  if (!token) token = byId("token").value.trim();
  if (!token) {
    say(byId("ask-error"), "The token is missing.");
    byId("token").focus();
    return;
  }
  byId("token").value = "";
  byId("ask").close();
  send(order);
};
