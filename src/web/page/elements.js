// Elements. Texts are set as texts, so whatever they hold never becomes markup.

const byId = (id) => document.getElementById(id);

function make(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Changes a text only if it is another one: nothing is drawn, or read out, anew. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function mark(element, name) {
  if (element.className !== name) element.className = name;
}

/**
 * Brings a list up to date. Each item keeps its element, which stays where it is for as
 * long as the order stays, so that the focus does, too. `home` gets the focus when the
 * element that had it goes.
 */
function list(place, items, keyOf, create, update, otherwise, home) {
  const known = place.known || (place.known = new Map());
  const keys = new Set(items.map(keyOf));
  for (const [key, row] of known) {
    if (keys.has(key)) continue;
    if (home && row.contains(document.activeElement)) home.focus();
    row.remove();
    known.delete(key);
  }
  if (place.none) place.none.remove();
  let next = place.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let row = known.get(key);
    if (!row) known.set(key, row = create(item));
    update(row, item);
    if (row === next) next = next.nextElementSibling;
    else place.insertBefore(row, next);
  }
  if (!items.length) place.append(place.none || (place.none = make("li", "soft none", otherwise)));
}

/** A time in seconds, for people. */
function span(time) {
  if (time < 0.0000005) return "0 ms";
  if (time < 0.001) return Math.round(time * 1e6) + " µs";
  if (time < 1) return (time * 1e3).toFixed(time < 0.01 ? 1 : 0) + " ms";
  if (time < 59.95) return time.toFixed(1) + " s";
  const minutes = Math.floor(time / 60), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
  if (days) return days + " d " + (hours % 24) + " h";
  if (hours) return hours + " h " + (minutes % 60) + " min";
  return minutes + " min " + Math.floor(time % 60) + " s";
}

const count = (number) => number.toLocaleString("en");
