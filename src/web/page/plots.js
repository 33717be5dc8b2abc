// Small plots of the last two minutes, also of those before the page was opened.

const WINDOW = 120;
/** A plot that has just begun is not spread over its whole width. */
const LEAST = 30;
const SVG = "http://www.w3.org/2000/svg";
const plots = new Map();

function svg(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const name in attributes) made.setAttribute(name, attributes[name]);
  return made;
}

function plot(id) {
  if (plots.has(id)) return plots.get(id);
  const figure = byId(id), what = figure.dataset.what;
  const picture = svg("svg", { viewBox: "0 0 120 40", preserveAspectRatio: "none", role: "img",
    "aria-label": "Plot of the last minutes: " + what });
  const under = svg("path", { class: "under" }), line = svg("path", { class: "line" });
  picture.append(under, line);
  const caption = make("figcaption", "soft"), now = make("b", "", "–"), most = make("span");
  const left = make("span", "", "now ");
  left.append(now);
  caption.append(left, most);
  figure.append(picture, caption);
  const made = { values: [], under, line, now, most };
  plots.set(id, made);
  return made;
}

/** Adds a value at a time in seconds; `null`: nothing is known of this moment. */
function draw(id, time, value, unit) {
  const it = plot(id);
  if (value !== null) it.values.push([time, value]);
  while (it.values.length && it.values[0][0] < time - WINDOW) it.values.shift();
  const top = it.values.reduce((most, [, value]) => Math.max(most, value), 0);
  const width = it.values.length ? Math.max(LEAST, time - it.values[0][0]) : LEAST;
  const points = it.values.map(([at, value]) => {
    const x = 120 - 120 * (time - at) / width, y = top > 0 ? 38 - 35 * value / top : 38;
    return x.toFixed(1) + " " + y.toFixed(1);
  });
  it.line.setAttribute("d", points.length ? "M" + points.join("L") : "");
  const ends = (at) => points[at].split(" ")[0];
  it.under.setAttribute("d", points.length > 1
    ? "M" + ends(0) + " 40L" + points.join("L") + "L" + ends(points.length - 1) + " 40Z" : "");
  const last = it.values[it.values.length - 1];
  say(it.now, last ? unit(last[1]) : "–");
  say(it.most, last ? "most " + unit(top) : "nothing yet");
}

/** Another worker, or the same one anew: what was drawn is not its. */
function forget() {
  for (const it of plots.values()) it.values.length = 0;
}
