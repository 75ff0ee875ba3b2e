// Elements, made once and updated in place. Text is always textContent: what Redis or the policy says is never markup.

const SVG = "http://www.w3.org/2000/svg";

export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") made.className = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export function svg(tag, attributes = {}) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export const byId = (id) => document.getElementById(id);

export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

export function attribute(node, name, value) {
  if (value === null || value === undefined) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

// A link to a web address, or nothing: the server lets only http and https through, and so do we.
export function link(address, words) {
  const safe = /^https?:\/\//i.test(address || "");
  return safe ? element("a", { href: address, rel: "noopener noreferrer" }, words) : null;
}

// Make the children of `parent` those of `items`, in that order. An element lives as long as its key, keeps its place where
// it can, and with it focus and what the reader has opened.
export function sync(parent, items, keyOf, create, update) {
  const kept = (parent.byKey ??= new Map());
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const wanted = new Set();
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    wanted.add(key);
    let child = kept.get(key);
    if (!child) kept.set(key, (child = create(item)));
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
    update(child, item);
  }
  for (const [key, child] of kept) {
    if (wanted.has(key)) continue;
    kept.delete(key);
    if (child.parentNode === parent) child.remove();
  }
  if (focused && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

// A shape for each state, so that no state is told by its colour alone.
const SHAPES = {
  ok: [["path", { d: "M4 10.5l4 4 8-9", fill: "none", stroke: "currentColor", "stroke-width": "2.6", "stroke-linecap": "round", "stroke-linejoin": "round" }]],
  warning: [["path", { d: "M10 2.5L18.5 17.5H1.5Z", fill: "none", stroke: "currentColor", "stroke-width": "2", "stroke-linejoin": "round" }], ["path", { d: "M10 8v4.2M10 14.6v.6", stroke: "currentColor", "stroke-width": "2.2", "stroke-linecap": "round" }]],
  critical: [["path", { d: "M6.3 1.5h7.4l4.8 4.8v7.4l-4.8 4.8H6.3l-4.8-4.8V6.3z", fill: "none", stroke: "currentColor", "stroke-width": "2", "stroke-linejoin": "round" }], ["path", { d: "M7 7l6 6M13 7l-6 6", stroke: "currentColor", "stroke-width": "2.2", "stroke-linecap": "round" }]],
  unknown: [["circle", { cx: "10", cy: "10", r: "8", fill: "none", stroke: "currentColor", "stroke-width": "2", "stroke-dasharray": "3 2.6" }], ["path", { d: "M7.8 7.6a2.3 2.3 0 1 1 3.4 2.3c-.8.4-1.2.9-1.2 1.8M10 14.4v.4", fill: "none", stroke: "currentColor", "stroke-width": "1.9", "stroke-linecap": "round" }]],
};

export function setIcon(holder, state) {
  if (holder.dataset.state === state) return;
  holder.dataset.state = state;
  const drawing = svg("svg", { viewBox: "0 0 20 20", "aria-hidden": "true", focusable: "false" });
  drawing.append(...SHAPES[state].map(([tag, attributes]) => svg(tag, attributes)));
  holder.replaceChildren(drawing);
}

export function icon(state) {
  const holder = element("span", { class: "icon", "aria-hidden": "true" });
  if (state) setIcon(holder, state);
  return holder;
}
