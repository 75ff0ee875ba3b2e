// The board: takes the document of the fleet as it comes, and says when none comes any more.
import { byId, text } from "./dom.js";
import { showAlerts, showFresh, showLinks, showObjectives, showPromises, showVerdict } from "./sections.js";
import { drawShard, onHistoryWanted, openShards, showShards } from "./shards.js";
import { growAll, told } from "./time.js";
import { WORD, clock, span } from "./words.js";

// The server sends something every 2 s. A connection that is silent for so long is dead, whatever the browser thinks.
const SILENCE = 7000;
const LONGEST_WAIT = 5000;

let fleet = null, history = null;
let source = null, heard = 0, seen = null, tries = 0, timer = 0;
let slot = null, asking = false;

function show(made) {
  fleet = made;
  text(byId("fleet"), made.fleet);
  byId("body").hidden = false;
  showVerdict(made);
  showAlerts(made);
  showShards(made);
  showPromises(made, history);
  showObjectives(made);
  showFresh(made);
  showLinks(made);
  if (made.history.newest_slot !== slot) refreshHistory();
}

function contact(unix) {
  heard = performance.now();
  seen = unix;
  tries = 0;
  told(unix);
  document.body.dataset.contact = "live";
  if (!byId("lost").hidden) {
    byId("lost").hidden = true;
    if (fleet) text(byId("said"), `Contact again. ${WORD[fleet.verdict.state]}: ${fleet.verdict.text}`);
  }
  text(byId("contact-word"), "live");
  text(byId("contact-time"), clock(unix));
}

function listen() {
  close();
  source = new EventSource("api/v1/events");
  source.addEventListener("fleet", ({ data }) => {
    const made = JSON.parse(data);
    contact(made.at_unix_seconds);
    show(made);
  });
  source.addEventListener("beat", ({ data }) => {
    contact(JSON.parse(data).at_unix_seconds);
    growAll();
  });
  source.onerror = again;
}

function close() {
  clearTimeout(timer);
  timer = 0;
  source?.close();
  source = null;
}

// Wait a little longer each time, then ask for the document by itself: where the feed is full, that still works.
function again() {
  close();
  const wait = Math.min(LONGEST_WAIT, 500 * 2 ** tries++) * (0.75 + Math.random() / 2);
  timer = setTimeout(retry, wait);
}

async function retry() {
  try {
    const made = await get("api/v1/fleet");
    const attempts = tries;
    contact(made.at_unix_seconds);
    tries = attempts; // the feed has not answered yet
    show(made);
  } catch {
    again();
    return;
  }
  listen();
}

async function get(address) {
  const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(4000) });
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer.json();
}

async function refreshHistory() {
  if (asking) return;
  asking = true;
  try {
    const found = await get("api/v1/history");
    history = found;
    slot = found.newest_slot;
    showPromises(fleet, history);
    for (const name of openShards()) await refreshShard(name);
  } catch {
    slot = null; // at the next event
  } finally {
    asking = false;
  }
}

async function refreshShard(name) {
  drawShard(name, await get(`api/v1/history?shard=${encodeURIComponent(name)}`), fleet.thresholds);
}

function watch() {
  growAll();
  const silent = performance.now() - heard;
  if (silent < SILENCE) return;
  if (!timer && !document.hidden) again();
  const lost = byId("lost");
  if (lost.hidden) {
    lost.hidden = false;
    document.body.dataset.contact = "lost";
    text(byId("contact-word"), "no contact");
    text(byId("said"), "No contact with Cachewatch.");
  }
  text(byId("lost-for"), `for ${span(silent / 1000)}`);
  text(byId("lost-seen"), seen === null ? "It never answered." : `What you see is from ${clock(seen)}.`);
}

onHistoryWanted((name) => fleet && refreshShard(name).catch(() => {}));
byId("lost-retry").addEventListener("click", () => { close(); retry(); });
// A page that nobody looks at costs the server nothing.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) close();
  else retry();
});
heard = performance.now();
document.body.dataset.contact = "connecting";
setInterval(watch, 1000);
listen();
