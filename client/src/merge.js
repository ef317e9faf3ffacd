/**
 * Apply a JSON merge patch (https://www.rfc-editor.org/rfc/rfc7396): null removes a member, an object is merged into the
 * object that is there, and any other value replaces what is there. Neither argument is changed.
 *
 * @param {any} target
 * @param {any} patch
 * @returns {any}
 */
export function merge(target, patch) {
  if (!isObject(patch)) return patch;
  // A map, because a member may be called "__proto__".
  const members = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name);
    else members.set(name, merge(members.get(name), value));
  }
  return Object.fromEntries(members);
}

/** @param {any} value */
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
