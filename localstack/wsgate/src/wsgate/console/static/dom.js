// The few things that are done to the page. Text is only ever text: nothing here reads markup.

const SVG = "http://www.w3.org/2000/svg";

/** The element with this id; it is in index.html. */
export const the = (id) => document.getElementById(id);

/** Make an element. Attributes by name, `onclick` and the like as listeners; the rest is inside. */
export function h(tag, attributes = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...inside.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Set a text, and leave alone what says it already: a selection in it stays. */
export function put(element, text) {
  const wanted = String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
}

export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

/** Let a list have one child for each item, in order; children stay as long as their items do. */
export function keep(list, items, key, make, update) {
  const old = new Map([...list.children].map((child) => [child.dataset.key, child]));
  let place = list.firstElementChild;
  for (const item of items) {
    const name = key(item);
    const child = old.get(name) ?? make(item);
    old.delete(name);
    child.dataset.key = name;
    update(child, item);
    if (child === place) place = place.nextElementSibling;
    else list.insertBefore(child, place);
  }
  for (const child of old.values()) child.remove();
}

/** JSON as coloured spans; text that is no JSON stays as it is. */
export function jsonBlock(text) {
  const pre = h("pre", { tabindex: "0" });
  let from = 0;
  for (const match of text.matchAll(TOKEN)) {
    pre.append(text.slice(from, match.index), h("span", { class: kindOf(match) }, match[0]));
    from = match.index + match[0].length;
  }
  pre.append(text.slice(from));
  return pre;
}

const TOKEN = /("(?:[^"\\]|\\.)*")(?=(\s*:)?)|-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b|\b(?:true|false|null)\b/g;

function kindOf([token, string, colon]) {
  if (string) return colon ? "json-key" : "json-string";
  return /^[tfn]/.test(token) ? "json-word" : "json-number";
}

/** Draw numbers as a line; the highest fills the height. */
export function spark(svg, numbers) {
  const most = Math.max(1, ...numbers);
  const step = numbers.length > 1 ? 120 / (numbers.length - 1) : 0;
  const points = numbers.map((number, at) => `${(at * step).toFixed(1)},${(26 - (number / most) * 24).toFixed(1)}`);
  svg.firstElementChild.setAttribute("points", points.join(" "));
}

export function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

let gone = 0;

/** Say something for a few seconds. */
export function toast(text) {
  const place = the("toast");
  place.textContent = text;
  clearTimeout(gone);
  gone = setTimeout(() => { place.textContent = ""; }, 4000);
}

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`Copied ${what}`);
  } catch {
    toast("The browser does not let this page copy");
  }
}
