/** Small helpers that every part of the operator's page needs. */

import { at, element, messageOf, setText } from "../demo/dom.js";
import { isOpen } from "./api.js";
import { moment, shown } from "./text.js";

export { at, element, setText };

/** @typedef {string|HTMLElement} Cell */

/**
 * A name that a user chose, which cannot disturb the words around it.
 *
 * @param {string} text
 */
export const name = (text) => element("bdi", shown(text));

/** @param {number|null|undefined} when */
export function time(when) {
  if (when === null || when === undefined) return element("span", "–");
  const made = /** @type {HTMLTimeElement} */ (element("time", moment(when, Date.now())));
  made.dateTime = new Date(when).toISOString();
  return made;
}

/**
 * @param {string} text
 * @param {() => unknown} press
 * @param {{label: string, testid?: string, isAllowed?: boolean}} about  label: what it is about, for screen readers
 */
export function button(text, press, { label, testid, isAllowed = true }) {
  const made = /** @type {HTMLButtonElement} */ (element("button", text));
  made.type = "button";
  made.className = "small";
  made.setAttribute("aria-label", label);
  if (testid) made.dataset.testid = testid;
  made.disabled = !isAllowed;
  if (!isAllowed) made.title = "Your key may not do this.";
  made.onclick = press;
  return made;
}

/**
 * Show rows, each known by a key. A row that stays keeps its elements, and so a button keeps the focus.
 *
 * @template T
 * @param {HTMLElement} body  of a table, or a list
 * @param {T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => Cell[]} cells  a text is compared with what is there; an element is put in once
 * @param {number[]} [numbers]  the columns that are numbers
 */
export function showRows(body, items, keyOf, cells, numbers = []) {
  /** @type {Map<string, HTMLElement>} */
  const known = new Map([...body.children].map((row) => [/** @type {HTMLElement} */ (row).dataset.key ?? "", /** @type {HTMLElement} */ (row)]));
  const rows = items.map((item) => {
    const key = keyOf(item);
    const row = known.get(key) ?? document.createElement("tr");
    row.dataset.key = key;
    known.delete(key);
    fillRow(row, cells(item), numbers);
    return row;
  });
  for (const row of known.values()) row.remove();
  rows.forEach((row, n) => body.children[n] !== row && body.insertBefore(row, body.children[n] ?? null));
}

/**
 * @param {HTMLElement} row
 * @param {Cell[]} cells
 * @param {number[]} numbers
 */
function fillRow(row, cells, numbers) {
  cells.forEach((cell, n) => {
    const place = /** @type {HTMLElement} */ (row.children[n] ?? row.appendChild(document.createElement("td")));
    if (numbers.includes(n)) place.className = "number";
    if (typeof cell === "string") setText(place, cell);
    else if (!isSame(place, cell)) place.replaceChildren(cell);
  });
}

/**
 * @param {HTMLElement} place
 * @param {HTMLElement} cell
 */
function isSame(place, cell) {
  const old = place.firstElementChild;
  if (!old || old.tagName !== cell.tagName || old.textContent !== cell.textContent) return false;
  return [...old.querySelectorAll("button"), old].every((one, n) => {
    const other = [...cell.querySelectorAll("button"), cell][n];
    return !(one instanceof HTMLButtonElement) || (other instanceof HTMLButtonElement && one.disabled === other.disabled);
  });
}

/**
 * A list of terms and what they are.
 *
 * @param {HTMLElement} list
 * @param {[string, Cell][]} entries
 */
export function showTerms(list, entries) {
  list.replaceChildren(
    ...entries.map(([term, value]) => {
      const pair = document.createElement("div");
      const meaning = document.createElement("dd");
      meaning.append(value);
      pair.append(element("dt", term), meaning);
      return pair;
    }),
  );
}

/**
 * What came of an order, where the operator looks: it gets the focus.
 *
 * @param {string} id
 * @param {string} text
 * @param {"good"|"bad"|"busy"} kind
 */
export function showOutcome(id, text, kind) {
  const place = at(id);
  place.dataset.kind = kind;
  setText(place, text);
  if (kind !== "busy" && text !== "") place.focus();
}

/**
 * @param {unknown} error  of an order
 * @param {string} again  what comes of the same order once more; "": it was none
 */
export const orderProblem = (error, again) => (again && isOpen(error) ? `${messageOf(error)} The order may have taken effect. ${again}` : messageOf(error));

/**
 * Carry out one order at a time, and say what came of it.
 *
 * @param {string} outcome  the id of the place for it
 * @param {() => Promise<string>} act  returns what happened; "": it was called off
 * @param {string} [again]  what comes of it if the answer got lost, and it is ordered once more
 */
export async function carryOut(outcome, act, again = "Press again: it is done once.") {
  if (at(outcome).dataset.kind === "busy") return;
  showOutcome(outcome, "Asking the server…", "busy");
  try {
    showOutcome(outcome, await act(), "good");
  } catch (error) {
    showOutcome(outcome, orderProblem(error, again), "bad");
  }
}

/**
 * Read something that was asked for, as an order is carried out: nothing can be done twice.
 *
 * @param {string} outcome
 * @param {() => Promise<string>} read
 */
export const look = (outcome, read) => carryOut(outcome, read, "");

/**
 * @param {string} form
 * @param {() => unknown} submit
 */
export function onSubmit(form, submit) {
  at(form).onsubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    submit();
  };
}

/**
 * Ask before something that cannot be taken back.
 *
 * @param {string} question
 * @param {string} yes  the button's words
 * @returns {Promise<boolean>}
 */
export function confirm(question, yes) {
  const dialog = /** @type {HTMLDialogElement} */ (at("confirm"));
  setText(at("confirm-text"), question);
  setText(at("confirm-yes"), yes);
  dialog.returnValue = "";
  at("confirm-yes").onclick = () => dialog.close("yes");
  at("confirm-no").onclick = () => dialog.close("no");
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
  });
}

/**
 * @param {string} text
 * @param {string} fileName
 */
export function download(text, fileName) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/**
 * Fetch a list as CSV and store it.
 *
 * @param {import("./api.js").Api} api
 * @param {string} outcome
 * @param {string} path
 * @param {import("./api.js").Query} query
 */
export const store = (api, outcome, path, query) =>
  look(outcome, async () => {
    const { text, isWhole } = await api.csv(path, query);
    download(text, path.slice(1).replaceAll("/", "-"));
    const rows = Math.max(0, text.split("\n").length - 2);
    return isWhole ? `The file has ${rows} rows.` : `The file has the first ${rows} rows; python -m sql.export writes all.`;
  });
