// What time it is for the server, and the texts that grow older by themselves.
import { span } from "./words.js";

let offset = 0;

// The reader's clock may be wrong: times are counted from what the server said it was.
export function told(unix) {
  offset = unix - Date.now() / 1000;
}

export const now = () => Date.now() / 1000 + offset;

// Where in a pattern the time that passed belongs. No text from elsewhere, as an error that stands beside it, has this letter.
export const AGE = "\uE000";

export function ageing(node, unix, pattern) {
  if (unix === null || unix === undefined) {
    delete node.dataset.since;
    node.textContent = "";
    return;
  }
  node.dataset.since = unix;
  node.dataset.pattern = pattern;
  grow(node);
}

function grow(node) {
  const words = node.dataset.pattern.replace(AGE, span(now() - Number(node.dataset.since)));
  if (node.textContent !== words) node.textContent = words;
}

export function growAll() {
  for (const node of document.querySelectorAll("[data-since]")) grow(node);
}
