// The last hour of one number, with the lines at which it warns and breaks. A gap in what is known is a gap in the line.
import { element, svg, text } from "./dom.js";
import { TITLE, limit, percent, latency, span, unitOf } from "./words.js";

const WIDTH = 240, HEIGHT = 60;

// Where the drawing begins and ends: both limits are always in it, and so is every point.
function scale(name, points, limits) {
  const known = points.filter((p) => p !== null);
  const low = Math.min(...known, limits.critical), high = Math.max(...known, limits.critical);
  if (limits.breaks === "below") {
    const bottom = Math.max(0, low - Math.max(1 - low, 1e-6) * 0.25);
    return [bottom, 1 + (1 - bottom) * 0.06];
  }
  return [0, unitOf(name) === "ratio" ? Math.max(1, high) : high * 1.12];
}

function path(points, y) {
  let drawn = "", down = false;
  points.forEach((point, index) => {
    if (point === null) { down = false; return; }
    const x = ((index + 0.5) / points.length) * WIDTH;
    drawn += `${down ? "L" : "M"}${x.toFixed(1)} ${y(point).toFixed(2)}`;
    // A point between two gaps would be a line without length: give it a hair of one.
    if (!down && (points[index + 1] ?? null) === null) drawn += `l0.4 0`;
    down = true;
  });
  return drawn;
}

function spoken(name, points, every) {
  const known = points.filter((p) => p !== null);
  if (!known.length) return `${TITLE[name]}: nothing was recorded in the last hour`;
  const say = unitOf(name) === "ratio" ? percent : latency;
  const gaps = points.length - known.length;
  const missing = gaps ? `; nothing is known of ${span(gaps * every)} of it` : "";
  return `${TITLE[name]} in the last hour: between ${say(Math.min(...known))} and ${say(Math.max(...known))}${missing}`;
}

export function makeChart() {
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  const thin = { "vector-effect": "non-scaling-stroke" };
  const parts = {
    floor: svg("line", { class: "floor", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT, ...thin }),
    warning: svg("line", { class: "limit warning", x1: 0, x2: WIDTH, ...thin }),
    critical: svg("line", { class: "limit critical", x1: 0, x2: WIDTH, ...thin }),
    trace: svg("path", { class: "trace", ...thin }),
  };
  drawing.append(...Object.values(parts));
  const marks = { warning: element("span", { class: "mark warning", "aria-hidden": "true" }), critical: element("span", { class: "mark critical", "aria-hidden": "true" }) };
  const none = element("span", { class: "none", hidden: "" }, "nothing recorded yet");
  const holder = element("div", { class: "chart" }, drawing, marks.warning, marks.critical, none);
  holder.parts = { drawing, ...parts, marks, none };
  return holder;
}

export function drawChart(holder, name, points, thresholds, every) {
  const { drawing, warning, critical, trace, marks, none } = holder.parts, unit = unitOf(name);
  const limits = { breaks: thresholds.breaks, warning: thresholds[`warning_${unit}`], critical: thresholds[`critical_${unit}`] };
  const [bottom, top] = scale(name, points, limits);
  const y = (value) => HEIGHT - ((value - bottom) / (top - bottom)) * HEIGHT;
  for (const [line, level] of [[warning, "warning"], [critical, "critical"]]) {
    line.setAttribute("y1", y(limits[level]));
    line.setAttribute("y2", y(limits[level]));
    text(marks[level], limit(name, limits[level]));
    marks[level].style.top = `${(y(limits[level]) / HEIGHT) * 100}%`;
  }
  // Two labels on top of each other say nothing: the warning gives way.
  marks.warning.hidden = Math.abs(y(limits.warning) - y(limits.critical)) < 13;
  trace.setAttribute("d", path(points, y));
  drawing.setAttribute("aria-label", spoken(name, points, every));
  none.hidden = points.some((p) => p !== null);
}
