// Verdict, alerts, promises, error budgets, freshness, links.
import { drawChart, makeChart } from "./chart.js";
import { attribute, byId, element, icon, link, setIcon, sync, text } from "./dom.js";
import { AGE, ageing } from "./time.js";
import { TITLE, WORD, limit, span, stateWord, unitOf, value } from "./words.js";

const SIGN = { ok: "✓", warning: "▲", critical: "✕", unknown: "?" };

export function showVerdict({ verdict, links, fleet }) {
  const section = byId("verdict");
  attribute(section, "data-state", verdict.state);
  section.hidden = false;
  setIcon(byId("verdict-icon"), verdict.state);
  text(byId("verdict-word"), WORD[verdict.state]);
  ageing(byId("verdict-since"), verdict.since_unix_seconds, `for ${AGE}`);
  text(byId("verdict-text"), verdict.text);
  text(byId("verdict-detail"), verdict.detail);
  byId("verdict-detail").hidden = !verdict.detail;
  // Only this is read aloud, and only when it changes: neither seconds nor numbers are in it.
  text(byId("said"), `${WORD[verdict.state]}: ${verdict.text}`);
  document.title = `${SIGN[verdict.state]} ${verdict.text} – ${fleet} – Cachewatch`;
  const kinds = new Map();
  const keyed = verdict.others.map((p) => {
    const kind = [p.instance, p.shard, p.runbook_url].join(" "), nth = (kinds.get(kind) ?? 0) + 1;
    kinds.set(kind, nth);
    return { ...p, key: `${kind} ${nth}` };
  });
  sync(byId("verdict-others"), keyed, (p) => p.key, makeProblem, updateProblem);
  const more = verdict.others_total - verdict.others.length;
  byId("verdict-more").hidden = more <= 0;
  text(byId("verdict-more"), `and ${more} more`);
  showActions(verdict, links);
}

function showActions(verdict, links) {
  const wanted = [
    ["Runbook", verdict.runbook_url],
    ["Grafana", verdict.state === "ok" ? null : links.grafana],
    ["Prometheus", verdict.state === "ok" || links.grafana ? null : links.prometheus],
  ].filter(([, address]) => address);
  const holder = byId("verdict-links");
  holder.hidden = !wanted.length;
  sync(holder, wanted, ([words, address]) => `${words} ${address}`, ([words, address]) => link(address, words) ?? element("span"), () => {});
}

function makeProblem() {
  const parts = { icon: icon(), word: element("span", { class: "unseen" }), text: element("span"), since: element("span", { class: "since" }) };
  const made = element("li", {}, parts.icon, parts.word, parts.text, " ", parts.since);
  made.parts = parts;
  return made;
}

function updateProblem(made, problem) {
  setIcon(made.parts.icon, problem.state);
  text(made.parts.word, `${WORD[problem.state]}: `);
  text(made.parts.text, problem.detail ? `${problem.text}: ${problem.detail}` : problem.text);
  ageing(made.parts.since, problem.since_unix_seconds, `· for ${AGE}`);
}

export function showAlerts({ alerts }) {
  const section = byId("alerts-section"), note = byId("alerts-note");
  section.hidden = !alerts.configured;
  if (!alerts.configured) return;
  text(byId("alerts-count"), alerts.at_unix_seconds === null || !alerts.total ? "" : howMany(alerts));
  if (alerts.error) {
    ageing(note, alerts.at_unix_seconds, `Alertmanager cannot be reached: ${alerts.error}. What you see is ${AGE} old.`);
    if (alerts.at_unix_seconds === null) text(note, `Alertmanager cannot be reached: ${alerts.error}. Nobody knows which alerts fire.`);
  } else if (alerts.at_unix_seconds === null) {
    ageing(note, null);
    text(note, "Asking Alertmanager …");
  } else {
    ageing(note, alerts.at_unix_seconds, alerts.total ? `From Alertmanager, ${AGE} ago.` : `None fires. Alertmanager said so ${AGE} ago.`);
  }
  sync(byId("alerts"), alerts.list, (a) => `${a.fingerprint} ${a.name} ${a.since_unix_seconds}`, makeAlert, updateAlert);
}

function howMany({ total, firing, list }) {
  const muted = total > firing ? `, ${total - firing} silenced or inhibited` : "";
  return `${firing} firing${muted}${total > list.length ? `; the first ${list.length} of ${total} are shown` : ""}`;
}

function makeAlert(alert) {
  const parts = {
    icon: icon(), state: element("span", { class: "state" }), tag: element("span", { class: "tag" }), since: element("span", { class: "since quiet" }),
    summary: element("span"),
  };
  const links = [link(alert.runbook_url, "Runbook"), link(alert.dashboard_url, "Graph")].filter(Boolean);
  const title = element("span", { class: "title" }, parts.state, element("strong", {}, alert.name), parts.tag, parts.since);
  const made = element("li", {}, title, parts.summary, element("span", { class: "quiet links" }, ...links));
  parts.word = element("span");
  parts.state.append(parts.icon, parts.word);
  made.parts = parts;
  return made;
}

function updateAlert(made, alert) {
  const state = alert.severity === "critical" ? "critical" : "warning", muted = alert.status !== "active";
  attribute(made.parts.state, "data-state", muted ? "unknown" : state);
  setIcon(made.parts.icon, state);
  text(made.parts.word, WORD[state]);
  made.parts.tag.hidden = !muted;
  text(made.parts.tag, alert.status);
  text(made.parts.summary, alert.summary);
  ageing(made.parts.since, alert.since_unix_seconds, `for ${AGE}`);
}

export function showPromises(fleet, history) {
  const rows = Object.entries(fleet.promises);
  sync(byId("promises"), rows, ([name]) => name, makePromise, (made, [name, row]) => updatePromise(made, name, row, fleet, history));
}

function makePromise([name]) {
  const parts = {
    icon: icon(), state: element("span", { class: "state" }), word: element("span"), value: element("p", { class: "value" }),
    note: element("p", { class: "note" }), limits: element("p", { class: "limits" }), chart: makeChart(),
  };
  parts.state.append(parts.icon, parts.word);
  const top = element("div", { class: "top" }, element("h3", {}, TITLE[name]), parts.state);
  const axis = element("p", { class: "axis", "aria-hidden": "true" }, element("span", {}, "1 h ago"), element("span", {}, "now"));
  const made = element("li", { class: "promise" }, top, parts.value, parts.note, parts.limits, element("figure", {}, parts.chart, axis));
  made.parts = parts;
  return made;
}

function updatePromise(made, name, row, fleet, history) {
  const { parts } = made, shown = value(row), thresholds = fleet.thresholds[name];
  attribute(parts.state, "data-state", row.state);
  setIcon(parts.icon, row.state);
  text(parts.word, stateWord(row));
  text(parts.value, shown ?? "unknown");
  parts.value.classList.toggle("none", !shown);
  text(parts.note, shown ? note(name, row, fleet.windows) : row.why || "");
  showLimits(parts.limits, name, thresholds);
  if (history) drawChart(parts.chart, name, history[`${name}_${unitOf(name)}`], thresholds, history.every_seconds);
}

function note(name, row, windows) {
  if (name === "memory") return `fullest node, ${row.instance}`;
  if (name === "availability") return `of all health checks, last ${span(windows.availability_seconds)}`;
  if (name === "hit_rate") return `of all reads, last ${span(windows.rate_seconds)}`;
  return `slowest node, ${row.instance}, last ${span(windows.rate_seconds)}`;
}

function showLimits(holder, name, thresholds) {
  const unit = unitOf(name), side = thresholds.breaks, target = side === "above" ? "at most" : "at least";
  const words = [["target", target], ["warning", side], ["critical", side]].map(([level, word]) => [`${level} ${word} `, limit(name, thresholds[`${level}_${unit}`])]);
  sync(holder, words, ([before]) => before, ([before]) => element("span", {}, before, element("b")), (made, [, number]) => text(made.lastChild, number));
}

export function showObjectives({ objectives }) {
  byId("objectives-section").hidden = !objectives.length;
  sync(byId("objectives"), objectives.map((o, i) => ({ ...o, i })), (o) => o.i, makeObjective, updateObjective);
}

function makeObjective() {
  const parts = { title: element("h3"), left: element("strong"), fill: element("span"), source: element("p", { class: "quiet" }), error: element("p", { class: "quiet" }) };
  const bar = element("div", { class: "budget", "aria-hidden": "true" }, parts.fill);
  const made = element("li", { class: "objective" }, element("div", { class: "top" }, parts.title, parts.left), bar, parts.source, parts.error);
  made.parts = parts;
  return made;
}

function updateObjective(made, objective) {
  const { parts } = made, left = objective.budget_left_ratio;
  attribute(made, "data-state", objective.state);
  text(parts.title, `${TITLE[objective.name] ?? objective.name} ${objective.objective.replace("%", " %")} over ${objective.window === "month" ? "the month" : span(objective.window_seconds)}`);
  text(parts.left, left === null ? "unknown" : left < 0 ? `overdrawn ${overdrawn(-left)}` : left < 1 && left > 0.999 ? "99.9 % left" : `${Math.round(left * 1000) / 10} % left`);
  parts.fill.style.width = `${Math.max(0, Math.min(1, left ?? 0)) * 100}%`;
  if (objective.source === "prometheus") ageing(parts.source, objective.at_unix_seconds, `From Prometheus, ${AGE} ago.`);
  else ageing(parts.source, objective.since_unix_seconds, `Counted since the start of this exporter, ${AGE} ago, not over the whole window.`);
  const error = objective.error || objective.prometheus_error;
  text(parts.error, error ? `Prometheus: ${error}.` : "");
}

const overdrawn = (ratio) => (ratio >= 10 ? `${Math.round(ratio)} times` : `${Math.round(ratio * 100)} %`);

const TELLER = { probes: "Health checks and latency", facts: "Facts of the nodes", sentinel: "Sentinel", cluster: "Cluster", files: "Files of nodes", dns: "Names", policy: "Policy" };

export function showFresh({ freshness, breakers, started_at_unix_seconds: started }) {
  const open = breakers.open + breakers.half_open;
  const entries = [
    ...freshness.map((f) => ({ key: f.name, title: TELLER[f.name] ?? f.name, ...f })),
    { key: "breakers", title: "Circuit breakers", words: open ? `${breakers.open} open, ${breakers.half_open} half open, ${breakers.closed} closed` : `all ${breakers.closed} closed` },
    { key: "started", title: "Exporter", at_unix_seconds: started, pattern: `running for ${AGE}` },
  ];
  sync(byId("fresh"), entries, (e) => e.key, ({ title }) => element("div", { class: "pair" }, element("dt", {}, title), element("dd")), updateFresh);
}

function updateFresh(made, entry) {
  const words = made.lastChild;
  const failed = entry.error ? `, ${entry.error}` : "";
  if (entry.at_unix_seconds) ageing(words, entry.at_unix_seconds, entry.pattern ?? `oldest ${AGE} old${failed}`);
  else {
    ageing(words, null);
    text(words, entry.words ?? (entry.current ? "current" : entry.error || "nothing yet"));
  }
}

export function showLinks({ links }) {
  const wanted = [["Runbooks", links.runbooks], ["Grafana", links.grafana], ["Prometheus", links.prometheus], ["Alertmanager", links.alertmanager]];
  const own = [["Health as JSON", "health"], ["Metrics", "metrics"], ["This page as JSON", "api/v1/fleet"]];
  const entries = [...wanted.filter(([, address]) => /^https?:\/\//i.test(address || "")), ...own];
  sync(byId("links"), entries, ([words, address]) => `${words} ${address}`, ([words, address]) => element("li", {}, link(address, words) ?? element("a", { href: address }, words)), () => {});
}
