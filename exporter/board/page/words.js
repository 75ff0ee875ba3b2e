// Values -> words. Pure.

export const WORD = { ok: "OK", warning: "Warning", critical: "Critical", unknown: "Unknown" };
export const TITLE = {
  hit_rate: "Hit rate", latency_p50: "Latency p50", latency_p95: "Latency p95", latency_p99: "Latency p99",
  memory: "Memory", availability: "Availability",
};

export const unitOf = (name) => (name.startsWith("latency") ? "seconds" : "ratio");

// 12 s, 3 min, 2 h 5 min, 4 d: what a person says of a time that passed.
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return s < 600 && s % 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.floor(s / 60)} min`;
  if (s < 86400) {
    const minutes = Math.floor((s % 3600) / 60);
    return minutes ? `${Math.floor(s / 3600)} h ${minutes} min` : `${Math.floor(s / 3600)} h`;
  }
  const hours = Math.floor((s % 86400) / 3600);
  return hours ? `${Math.floor(s / 86400)} d ${hours} h` : `${Math.floor(s / 86400)} d`;
}

export const clock = (unix) =>
  new Date(unix * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

const digits = (value, most) => String(Number(value.toPrecision(most)));

export function latency(seconds, most = 2) {
  if (seconds >= 1) return `${digits(seconds, most)} s`;
  const ms = seconds * 1000;
  return ms >= 0.01 ? `${digits(ms, most)} ms` : `${digits(ms * 1000, most)} µs`;
}

// Close to 100 % the digits that matter come late: 99.99 %, 99.995 %. Never rounded up to 100 %.
export function percent(ratio) {
  const p = ratio * 100;
  if (p <= 99 || p >= 100) return `${Number(p.toFixed(1))} %`;
  const places = Math.min(5, Math.max(1, Math.ceil(-Math.log10(100 - p)) + 1));
  const scale = 10 ** places;
  return `${Math.floor(p * scale + 1e-9) / scale} %`;
}

// A limit as it stands in the policy, exact.
export const limit = (name, value) => (unitOf(name) === "seconds" ? latency(value, 6) : `${Number((value * 100).toFixed(6))} %`);

// What a row measures, null where nobody knows: the server has the words, with digits enough to tell it from its limits.
export const value = (row) => row.text?.replaceAll(" ", "\u00a0") ?? null; // a number and its unit stay on one line

export const stateWord = (row) => (row.state === "ok" && row.on_target === false ? "Off target" : WORD[row.state]);

export const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;
