/** @import {Options, Ticket} from "./types.js" */

/** What the page gave is no ticket. The message says what is missing, for the developer. */
export class BadTicket extends Error {
  /**
   * @param {string} message
   * @param {boolean} [permanent]  asking again cannot help
   */
  constructor(message, permanent = false) {
    super(message);
    this.permanent = permanent;
  }
}

/**
 * Get a ticket from what the page gave for it.
 *
 * @param {Options["ticket"]} source
 * @param {{resource: string|null}} wish
 * @returns {Promise<Ticket>}
 * @throws {BadTicket|Error}  and what `source` throws
 */
export async function getTicket(source, wish) {
  const isUrl = typeof source === "string" || source instanceof URL;
  if (!isUrl && typeof source !== "function") {
    throw new BadTicket("the option `ticket` is missing: give the URL of your ticket endpoint, or a function", true);
  }
  const given = await (isUrl ? post(source, wish) : source(wish));
  return checked(isResponse(given) ? await read(given) : given);
}

/**
 * @param {string|URL} url
 * @param {object} wish
 */
const post = (url, wish) =>
  fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(wish) });

/**
 * @param {any} given
 * @returns {given is Response}
 */
const isResponse = (given) => typeof given?.json === "function" && typeof given.ok === "boolean";

/** @param {Response} response */
async function read(response) {
  const { ok, status, headers } = response;
  if (!ok) {
    const retryAfter = 1_000 * Number(headers?.get("Retry-After"));
    throw Object.assign(new Error(`the ticket endpoint answered ${status}`), { status, retryAfter });
  }
  try {
    return await response.json();
  } catch {
    throw new BadTicket(`the ticket endpoint answered ${headers?.get("Content-Type") ?? "something"} that is not JSON`);
  }
}

/** @param {any} given */
function checked(given) {
  if (typeof given !== "object" || given === null) {
    throw new BadTicket(`\`ticket\` gave ${given === null ? "null" : typeof given}: return {url, ticket}, as POST /tickets answers it`);
  }
  const has = `it has: ${Object.keys(given).join(", ") || "nothing"}`;
  if (!/^wss?:\/\//.test(given.url)) throw new BadTicket(`what \`ticket\` gave has no url that begins with wss:// or ws://; ${has}`);
  if (typeof given.ticket !== "string" || given.ticket === "") throw new BadTicket(`what \`ticket\` gave has no ticket; ${has}`);
  return given;
}
