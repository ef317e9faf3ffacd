// Messages that are kept in this browser, the latest first.

const KEY = "wsgate.messages";
const MAX_MESSAGES = 20;
const MAX_CHARACTERS = 10_000;

/** The saved messages; none where the browser keeps nothing, or something else is there. */
export function saved(storage = localStorage) {
  try {
    const found = JSON.parse(storage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter((text) => typeof text === "string") : [];
  } catch {
    return [];
  }
}

/** Keep a message, or forget it if it is kept. Returns what is kept now. */
export function toggle(text, storage = localStorage) {
  const kept = saved(storage);
  const wanted = kept.includes(text) ? kept.filter((each) => each !== text) : [text, ...kept].slice(0, MAX_MESSAGES);
  if (text === "" || text.length > MAX_CHARACTERS) return kept;
  try {
    storage.setItem(KEY, JSON.stringify(wanted));
    return wanted;
  } catch {
    return kept;
  }
}
