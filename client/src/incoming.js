/**
 * What arrives, checked once, here: the rest of the client relies on the shapes that it reads.
 */

// In milliseconds. No server tells a client to wait longer.
const MAX_WAIT = 24 * 3_600_000;

const isText = (/** @type {any} */ value) => typeof value === "string";
const isCount = (/** @type {any} */ value) => Number.isSafeInteger(value) && value >= 0;
const isObject = (/** @type {any} */ value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isEvent = (/** @type {any} */ value) => isObject(value) && isCount(value.seq) && isText(value.type);
const isBonus = (/** @type {any} */ value) => isObject(value) && isText(value.bonus_id);
const isNews = (/** @type {any} */ value) => isObject(value) && isCount(value.seq);
const isPlace = (/** @type {any} */ value) => isObject(value) && isCount(value.seq) && isCount(value.follows);
const isStream = (/** @type {any} */ value) => isObject(value) && isCount(value.seq) && areAll(isNews)(value.news);
const areAll = (/** @type {(value: any) => boolean} */ isOne) => (/** @type {any} */ value) =>
  Array.isArray(value) && value.every(isOne);
const orNull = (/** @type {(value: any) => boolean} */ isOne) => (/** @type {any} */ value) => value === null || isOne(value);

/**
 * The members that the client reads of each type. Those of other types are not read.
 *
 * @type {Record<string, Record<string, (value: any) => boolean>>}
 */
const SHAPES = {
  welcome: {
    user_id: isText,
    resource: isText,
    epoch: isText,
    seq: isCount,
    events: areAll(isEvent),
    state: isObject,
    bonuses: areAll(isBonus),
    broadcasts: isStream,
  },
  watching: { resource: isText },
  event: { epoch: isText, event: isEvent },
  acted: { event: orNull(isEvent) },
  claim: { bonus_id: isText, outcome: isText, event: orNull(isEvent) },
  bonus: { bonus: isBonus, broadcast: orNull(isPlace) },
  news: { news: isNews, broadcast: isPlace },
  ledger: { entries: Array.isArray },
  bonuses: { bonuses: areAll(isBonus) },
  campaigns: { campaigns: Array.isArray },
  progress: { progress: isObject },
  error: { code: isText },
};
const TYPES = new Map(Object.entries(SHAPES));

/**
 * Read a frame. Returns null for one to ignore: an empty one, which the gateway sends when a function answered without a
 * body.
 *
 * @param {any} text
 * @returns {any} a message; of type "unreadable" with a `reason` if it is none of the protocol
 */
export function read(text) {
  if (text === "") return null;
  const message = parsed(text);
  if (!isObject(message)) return unreadable("the server sent a frame that is not a JSON object");
  for (const [name, isRight] of Object.entries(TYPES.get(message.type) ?? {})) {
    if (!isRight(message[name])) return unreadable(`the server sent a message "${message.type}" with a wrong ${name}`);
  }
  const { retry_after_ms } = message;
  const isTime = Number.isFinite(retry_after_ms) && retry_after_ms >= 0 && retry_after_ms <= MAX_WAIT;
  return isTime ? message : { ...message, retry_after_ms: undefined };
}

/** @param {string} reason */
const unreadable = (reason) => ({ type: "unreadable", reason });

/**
 * @param {any} text
 * @returns {any} null if it is not JSON
 */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
