// Shards and their nodes, worst first. What is well is folded when there is much of it.
import { drawChart, makeChart } from "./chart.js";
import { attribute, byId, element, icon, setIcon, sync, text } from "./dom.js";
import { AGE, ageing } from "./time.js";
import { TITLE, WORD, count, stateWord, value } from "./words.js";

const FEW_SHARDS = 6, FEW_NODES = 8, MOST_OPENED = 3;
const SHORT = { hit_rate: "hit rate", latency_p50: "p50", latency_p95: "p95", latency_p99: "p99", memory: "memory", availability: "availability" };
const TOLD = ["hit_rate", "latency_p95", "memory"], CHARTED = [...TOLD, "availability"];
const LATENCIES = ["latency_p50", "latency_p95", "latency_p99"];
let askHistory = () => {};

export function onHistoryWanted(ask) {
  askHistory = ask;
}

export function showShards(fleet) {
  const { shards, counts } = fleet;
  const ill = shards.filter((s) => s.state !== "ok"), well = shards.filter((s) => s.state === "ok");
  const fold = byId("shards-fold"), folded = well.length > FEW_SHARDS;
  text(byId("shards-count"), summary(counts));
  syncShards(byId("shards-ill"), folded ? ill : shards, fleet);
  fold.hidden = !folded;
  text(byId("shards-fold-title"), `${well.length} healthy shards`);
  // Built when it is opened: 500 nodes that are well cost nothing until somebody wants to see them.
  fold.update = () => { if (fold.open) syncShards(byId("shards-well"), folded ? well : [], fleet); };
  fold.ontoggle = fold.update;
  if (!folded) syncShards(byId("shards-well"), [], fleet);
  else fold.update();
}

function summary({ nodes, shards }) {
  const parts = [`${count(nodes.total, "node")}`];
  if (nodes.down) parts.push(`${nodes.down} down`);
  if (nodes.unknown) parts.push(`${nodes.unknown} unknown`);
  if (nodes.total && !nodes.down && !nodes.unknown) parts.push("all up");
  return `${shards.total}, ${parts.join(", ")}`;
}

function syncShards(list, shards, fleet) {
  sync(list, shards, (s) => s.name, makeShard, (node, shard) => updateShard(node, shard, fleet));
}

function makeShard(shard) {
  const parts = {
    icon: icon(), title: element("h3"), state: element("span", { class: "state" }), text: element("span", { class: "text" }),
    nodes: element("ul", { class: "nodes" }), rows: element("dl", { class: "small" }), charts: element("div", { class: "charts" }),
    foldTitle: element("summary"), well: element("ul", { class: "nodes" }),
  };
  parts.fold = element("details", { class: "fold" }, parts.foldTitle, parts.well);
  const line = element("summary", {}, parts.icon, parts.title, parts.state, parts.text);
  const inside = element("div", { class: "inside" }, parts.nodes, parts.fold, parts.rows, parts.charts);
  parts.details = element("details", {}, line, inside);
  const made = element("li", { class: "shard" }, parts.details);
  made.parts = parts;
  parts.details.addEventListener("toggle", () => {
    updateInside(made);
    if (parts.details.open) askHistory(shard.name);
  });
  parts.fold.addEventListener("toggle", () => updateInside(made));
  return made;
}

function updateShard(made, shard, fleet) {
  const { parts } = made, first = made.shard === undefined;
  made.shard = shard;
  made.fleet = fleet;
  attribute(made, "data-state", shard.state);
  setIcon(parts.icon, shard.state);
  text(parts.title, shard.name || "Nodes of no shard");
  attribute(parts.state, "data-state", shard.state);
  text(parts.state, WORD[shard.state]);
  text(parts.text, oneLine(shard));
  // The worst few open when they fall ill; after that they are the reader's.
  const fell = shard.state !== "ok" && (first || made.was === "ok");
  if (fell && fleet.shards.indexOf(shard) < MOST_OPENED) parts.details.open = true;
  made.was = shard.state;
  updateInside(made);
}

function oneLine(shard) {
  const down = shard.nodes.filter((n) => n.up === false).length, unknown = shard.nodes.filter((n) => n.up === null).length;
  const parts = [];
  if (shard.has_primary === false) parts.push("no primary");
  if (down) parts.push(`${down} of ${shard.nodes.length} nodes down`);
  else if (unknown) parts.push(`${unknown} of ${shard.nodes.length} nodes unknown`);
  else parts.push(`${count(shard.nodes.length, "node")} up`);
  for (const name of these(TOLD, shard)) {
    const shown = value(shard.promises[name]);
    if (shown) parts.push(`${SHORT[name]}\u00a0${shown}`);
  }
  return parts.join(" · ");
}

// These promises of a shard, and each other that is broken.
function these(names, shard) {
  const broken = ([name, row]) => names.includes(name) || row.state === "warning" || row.state === "critical";
  return Object.entries(shard.promises).filter(broken).map(([name]) => name);
}

function updateInside(made) {
  const { parts, shard } = made;
  if (!parts.details.open || !shard) return;
  const fold = shard.nodes.filter((n) => n.state === "ok").length > FEW_NODES;
  const seen = fold ? shard.nodes.filter((n) => n.state !== "ok") : shard.nodes;
  const well = fold ? shard.nodes.filter((n) => n.state === "ok") : [];
  sync(parts.nodes, seen, (n) => n.instance, makeNode, updateNode);
  parts.nodes.hidden = !seen.length;
  parts.fold.hidden = !fold;
  text(parts.foldTitle, `${well.length} healthy nodes`);
  sync(parts.well, parts.fold.open ? well : [], (n) => n.instance, makeNode, updateNode);
  sync(parts.rows, Object.entries(shard.promises), ([name]) => name, makeRow, updateRow);
}

function makeRow([name]) {
  const parts = { icon: icon(), value: element("span"), word: element("span", { class: "unseen" }) };
  const made = element("div", {}, element("dt", {}, TITLE[name]), element("dd", {}, parts.icon, parts.value, parts.word));
  made.parts = parts;
  return made;
}

function updateRow(made, [name, row]) {
  const shown = value(row);
  setIcon(made.parts.icon, row.state);
  text(made.parts.value, shown ?? "unknown");
  text(made.parts.word, shown ? ` ${stateWord(row)}` : ` ${row.why || ""}`);
  attribute(made, "title", row.why || (row.instance ? `slowest or fullest: ${row.instance}` : null));
}

function makeNode() {
  const parts = {
    icon: icon(), name: element("span", { class: "name" }), role: element("span", { class: "role" }),
    state: element("span", { class: "state" }), how: element("span", { class: "how" }),
    ill: element("span", { class: "ill" }), since: element("span", { class: "since" }), slow: element("span", { class: "number" }),
    full: element("span", { class: "number" }), facts: element("span", { class: "number" }), breaker: element("span"),
  };
  parts.how.append(parts.ill, parts.since, parts.slow, parts.full, parts.breaker, parts.facts);
  const first = element("span", {}, parts.name, " ", parts.role);
  const made = element("li", { class: "node" }, parts.icon, first, parts.state, parts.how);
  made.parts = parts;
  return made;
}

const UP = { true: "Up", false: "Down", null: "Unknown" };

function updateNode(made, node) {
  const { parts } = made;
  attribute(made, "data-state", node.state);
  setIcon(parts.icon, node.state);
  text(parts.name, node.instance);
  text(parts.role, role(node));
  attribute(parts.state, "data-state", node.up === true && node.state !== "ok" ? node.state : { true: "ok", false: "critical", null: "unknown" }[node.up]);
  text(parts.state, UP[node.up]);
  text(parts.ill, [node.words, ["no_facts", "no_entry"].includes(node.reason) ? `(${node.error})` : ""].filter(Boolean).join(" "));
  ageing(parts.since, node.since_unix_seconds, `${node.up === false ? "" : node.up ? "up " : "silent "}for ${AGE}`);
  text(parts.slow, LATENCIES.map((name) => measured(name, node)).filter(Boolean).join(" · "));
  text(parts.full, measured("memory", node));
  text(parts.breaker, node.breaker === "closed" ? "" : `breaker ${node.breaker.replace("_", " ")}`);
  ageing(parts.facts, node.facts_at_unix_seconds, `facts ${AGE} old`);
}

function role(node) {
  if (!node.role) return "role unknown";
  return node.role_is_current ? node.role : `${node.role} when last heard`;
}

function measured(name, node) {
  const shown = node[name] && value(node[name]);
  if (!shown) return "";
  return `${SHORT[name]}\u00a0${shown}${node[name].state === "ok" ? "" : ` (${stateWord(node[name])})`}`;
}

export function openShards() {
  return [...document.querySelectorAll(".shard")].filter((s) => s.parts.details.open).map((s) => s.shard.name);
}

export function drawShard(name, history, thresholds) {
  const made = [...document.querySelectorAll(".shard")].find((s) => s.shard.name === name);
  if (!made) return;
  sync(made.parts.charts, these(CHARTED, made.shard), (row) => row, makeFigure, (figure, row) => {
    const unit = row.startsWith("latency") ? "seconds" : "ratio";
    drawChart(figure.chart, row, history[`${row}_${unit}`], thresholds[row], history.every_seconds);
  });
}

function makeFigure(row) {
  const chart = makeChart();
  const figure = element("figure", {}, element("figcaption", {}, `${TITLE[row]}, 1 h`), chart);
  figure.chart = chart;
  return figure;
}
