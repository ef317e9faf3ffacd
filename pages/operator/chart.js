/** Viewers over time as lines: where they run is computed apart from how they are drawn. */

import { lengthText, number } from "./text.js";

const SVG = "http://www.w3.org/2000/svg";
// Of the drawing, in pixels.
const MIN_WIDTH = 280;
const MAX_WIDTH = 1_100;
const HEIGHT = 240;
const LEFT = 52;
const BOTTOM = 26;
const TOP = 16;
const MAX_MARKS = 100;

/** @typedef {{at: number, viewers: number, peak_viewers: number}} Step */
/** @typedef {{name: string, steps: Step[]}} Line  an empty name: all resources */
/** @typedef {{at: number, kind: "bonus"|"news", text: string}} Mark */
/** @typedef {{from: number, to: number}} Interval */
/**
 * What the drawing is of, in words.
 *
 * @typedef {object} Words
 * @property {(lines: Line[], marks: Mark[], interval: Interval) => string} summary
 * @property {(at: number, interval: Interval) => string} moment
 * @property {(value: number) => string} level
 * @property {number} least
 */

/**
 * The next round number: 1, 2 or 5 times a power of ten.
 *
 * @param {number} most  more than 0
 */
export function roundUp(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= most) ?? 10 * power;
}

/**
 * @param {Line[]} lines
 * @param {Mark[]} marks
 * @param {Interval} interval
 * @param {number} width
 * @param {number} [least]  the lowest that the scale may end at: of people, one
 */
export function layOut(lines, marks, { from, to }, width, least = 1) {
  const top = roundUp(Math.max(least, ...lines.flatMap(({ steps }) => steps.map(({ viewers }) => viewers))));
  const x = (/** @type {number} */ at) => LEFT + ((width - LEFT - 8) * (at - from)) / (to - from);
  const y = (/** @type {number} */ viewers) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - viewers / top);
  const point = (/** @type {Step} */ { at, viewers }) => `${x(at).toFixed(1)},${y(viewers).toFixed(1)}`;
  return {
    paths: lines.map(({ steps }) => (steps.length === 0 ? "" : `M${steps.map(point).join("L")}`)),
    levels: [0, top / 2, top].filter((viewers) => least < 1 || Number.isInteger(viewers)).map((viewers) => ({ viewers, y: y(viewers) })),
    moments: [0, 0.25, 0.5, 0.75, 1].map((part) => ({ at: from + part * (to - from), x: x(from + part * (to - from)) })),
    marks: marks.filter(({ at }) => at >= from && at <= to).slice(0, MAX_MARKS).map((mark) => ({ ...mark, x: x(mark.at) })),
  };
}

/**
 * Steps that make up to a hundred points; those of a day and longer are whole quarter hours, which are exact once summed up.
 *
 * @param {number} length  in milliseconds
 */
export function stepSeconds(length) {
  const wanted = length / 1_000 / 100;
  const quarters = Math.ceil(wanted / 900) * 900;
  return wanted > 300 ? quarters : [5, 10, 15, 30, 60, 120, 300].find((step) => step >= wanted) ?? 900;
}

/**
 * What a screen reader says in place of the drawing.
 *
 * @param {Line[]} lines
 * @param {Mark[]} marks
 * @param {Interval} interval
 */
export function summary(lines, marks, { from, to }) {
  const steps = lines[0]?.steps ?? [];
  const most = Math.max(0, ...steps.map(({ peak_viewers }) => peak_viewers));
  const last = steps.at(-1)?.viewers ?? 0;
  return `Viewers over ${lengthText(to - from)}: ${number(last)} now, ${number(most)} at the most; ${marks.length} bonuses and news.`;
}

/** @type {Words} */
const VIEWERS = {
  summary,
  level: number,
  least: 1,
  moment: (at, { from, to }) =>
    to - from > 26 * 3_600_000
      ? new Date(at).toLocaleDateString("en-GB", { day: "numeric", month: "short" })
      : new Date(at).toLocaleTimeString("en-GB", { timeStyle: "short" }),
};

/**
 * Draw, and again when the place becomes wider or narrower.
 *
 * @param {HTMLElement} place
 * @param {Line[]} lines
 * @param {Mark[]} marks
 * @param {Interval} interval
 * @param {Words} [words]
 */
export function draw(place, lines, marks, interval, words = VIEWERS) {
  erase(place);
  let drawn = 0;
  const redraw = () => {
    if (place.clientWidth === drawn || place.clientWidth === 0) return;
    drawn = place.clientWidth;
    paint(place, lines, marks, interval, words);
  };
  const drawing = new ResizeObserver(redraw);
  drawings.set(place, drawing);
  redraw();
  drawing.observe(place);
}

/** @type {WeakMap<HTMLElement, ResizeObserver>} */
const drawings = new WeakMap();

/** @param {HTMLElement} place */
export function erase(place) {
  drawings.get(place)?.disconnect();
  place.replaceChildren();
}

/**
 * @param {HTMLElement} place
 * @param {Line[]} lines
 * @param {Mark[]} marks
 * @param {Interval} interval
 * @param {Words} words
 */
function paint(place, lines, marks, interval, words) {
  const width = Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, place.clientWidth));
  const { paths, levels, moments, marks: placed } = layOut(lines, marks, interval, width, words.least);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, class: "lines", role: "img", "aria-label": words.summary(lines, marks, interval) });
  for (const { viewers, y } of levels) {
    svg.append(shape("line", { x1: LEFT, x2: width - 8, y1: y, y2: y, class: "grid" }), label(words.level(viewers), LEFT - 8, y + 4, "end"));
  }
  moments.forEach(({ at, x }, n) => {
    svg.append(label(words.moment(at, interval), x, HEIGHT - 6, n === 0 ? "start" : n === moments.length - 1 ? "end" : "middle"));
  });
  for (const { x, kind, text } of placed) svg.append(mark(x, kind, text));
  paths.forEach((d, n) => d && svg.append(shape("path", { d, class: `line line-${n}` })));
  place.replaceChildren(svg);
}

/**
 * A bonus is a triangle, news a square, so that their colours need not be told apart.
 *
 * @param {number} x
 * @param {Mark["kind"]} kind
 * @param {string} text
 */
function mark(x, kind, text) {
  const group = shape("g", { class: `mark ${kind}` });
  const title = shape("title", {});
  title.textContent = text;
  const d = kind === "bonus" ? `M${x - 5},2h10l-5,9z` : `M${x - 4},3h8v8h-8z`;
  group.append(title, shape("line", { x1: x, x2: x, y1: TOP - 4, y2: HEIGHT - BOTTOM }), shape("path", { d }));
  return group;
}

/**
 * @param {string} text
 * @param {number} x
 * @param {number} y
 * @param {string} anchor
 */
function label(text, x, y, anchor) {
  const made = shape("text", { x, y, "text-anchor": anchor });
  made.textContent = text;
  return made;
}

/**
 * @param {string} tag
 * @param {Record<string, string|number>} attributes
 */
function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, String(value));
  return made;
}
