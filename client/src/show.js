/**
 * What a show does with its audience: questions, and reveals at one instant. Import it beside the client, and make it before
 * the first welcome:
 *
 *     import { Show } from "headcount-client/show";
 *     const show = new Show(headcount);
 *     show.on("question", ({ question_id, text, options }) => draw(text, options, (option) => show.answer(question_id, option)));
 *     show.on("result", ({ tally, correct }) => chart(tally, correct));
 *     show.on("reveal", ({ content }) => draw(content));
 */

/** @import {Headcount, News} from "./headcount.js" */

/**
 * A question, from `opens_at` on. Times are milliseconds of the server's clock: see `Headcount.serverNow()`.
 *
 * @typedef {object} Question
 * @property {string} question_id
 * @property {string} text
 * @property {string[]} options  their numbers count from 0
 * @property {number} opens_at
 * @property {number} expires_at
 *
 * @typedef {object} Result
 * @property {string} question_id
 * @property {number[]} tally        how many users chose each option
 * @property {number|null} correct   the number of the right option, if one is
 *
 * @typedef {Omit<import("./headcount.js").Answer, "event">} Answer
 *
 * @typedef {object} ShowEvents
 * @property {Question} question                    the audience is asked
 * @property {Answer} answer                        what this user's answer came to, given here or on another device
 * @property {Result} result                        a question is closed and counted
 * @property {{question_id?: string, reveal_id?: string}} cancelled  the operator has cancelled it: remove it
 * @property {{reveal_id: string, reveals_at: number}} sealed        something will be revealed then
 * @property {{reveal_id: string, content: any}} reveal              this is the instant, or a little after it: show the content
 * @property {{reveal_id: string, reason: string}} unreadable        a content cannot be opened here
 *
 * What is known of a reveal: the key comes later than what it opens, or before it in a welcome.
 *
 * @typedef {{reveal_id: string, reveals_at: number, sealed?: string, key?: string}} Reveal
 *
 * @typedef {object} Surroundings   for tests
 * @property {(callback: () => void, milliseconds: number) => any} [setTimeout]
 * @property {() => number} [random]
 */

// In milliseconds. So long before the instant the time has been asked for once more.
const ASKED_BY = 1_000;
// So long a tally is news.
const TOLD_FOR = 600_000;

/** The questions and reveals of a client's audience. It ends with the client. */
export class Show extends EventTarget {
  #headcount;
  #setTimeout;
  #random;
  /** @type {Map<number, {question_id: string}|{reveal_id: string}>} what was told, by the seq of its news */
  #told = new Map();
  /** @type {Map<string, string>} the last type of event of each question for listed users */
  #listedStates = new Map();
  /** @type {Map<string, Reveal>} */
  #reveals = new Map();

  /**
   * @param {Headcount} headcount
   * @param {Surroundings} [surroundings]
   */
  constructor(headcount, { setTimeout = (callback, milliseconds) => globalThis.setTimeout(callback, milliseconds), random = Math.random } = {}) {
    super();
    this.#headcount = headcount;
    this.#setTimeout = setTimeout;
    this.#random = random;
    headcount.on("news", (news) => this.#news(news));
    headcount.on("news_cancelled", ({ seq }) => this.#cancelled(seq));
    // With an event, the event tells it.
    headcount.on("answer", ({ question_id, outcome, option, event }) => event || this.#dispatch("answer", { question_id, outcome, option }));
    headcount.on("event", (event) => {
      const { type, body } = event;
      if (type === "question.answered") this.#dispatch("answer", { question_id: body.question_id, outcome: "answered", option: body.option });
      else this.#listed(event);
    });
    // A question that ends in it is not asked first.
    headcount.on("snapshot", ({ events }) => [...events].reverse().forEach((event) => this.#listed(event)));
  }

  /**
   * Answer a question. Resolves with the answer that counts: the user's first, on whichever device.
   *
   * @param {string} questionId
   * @param {number} option  its number, from 0
   * @returns {Promise<Answer>}
   * @throws {import("./headcount.js").HeadcountError}
   */
  async answer(questionId, option) {
    const said = await this.#headcount.request({ action: "answer", question_id: questionId, option });
    return { question_id: said.question_id, outcome: said.outcome, option: said.option };
  }

  /**
   * Call `listener` with the detail of each event of this name.
   *
   * @template {keyof ShowEvents} K
   * @param {K} name
   * @param {(detail: ShowEvents[K]) => void} listener
   * @returns {() => void} removes the listener
   */
  on(name, listener) {
    /** @param {any} event */
    const listen = ({ detail }) => listener(detail);
    this.addEventListener(name, listen);
    return () => this.removeEventListener(name, listen);
  }

  /** @param {News} news */
  #news({ seq, type, body }) {
    if (type === "question.opened") {
      this.#told.set(seq, { question_id: body.question_id });
      this.#dispatch("question", body);
    } else if (type === "question.closed") this.#dispatch("result", body);
    else if (type === "reveal.sealed") {
      const { reveal_id, reveals_at } = body;
      this.#told.set(seq, { reveal_id });
      this.#dispatch("sealed", { reveal_id, reveals_at });
      this.#know(body);
    } else if (type === "reveal.key") this.#know(body);
  }

  /**
   * A question for listed users is told in their streams: each part of it once.
   *
   * @param {import("./headcount.js").StreamEvent} event
   */
  #listed({ type, body, at }) {
    const now = this.#headcount.serverNow();
    if (type === "question.opened") {
      if (body.expires_at > now && !this.#listedStates.has(body.question_id)) {
        this.#listedStates.set(body.question_id, type);
        this.#dispatch("question", body);
      }
    } else if (type === "question.closed" || type === "question.cancelled") {
      if (this.#listedStates.get(body.question_id) === type) return;
      this.#listedStates.set(body.question_id, type);
      if (at + TOLD_FOR <= now) return;
      if (type === "question.closed") this.#dispatch("result", body);
      else this.#dispatch("cancelled", { question_id: body.question_id });
    }
  }

  /** @param {Reveal} told */
  #know(told) {
    const reveal = { ...this.#reveals.get(told.reveal_id), ...told };
    this.#reveals.set(told.reveal_id, reveal);
    if (reveal.sealed === undefined || reveal.key === undefined) return;
    this.#askForTheTime(reveal);
    opened(reveal.sealed, reveal.key).then(
      (content) => this.#revealAt(reveal, content),
      (error) => this.#dispatch("unreadable", { reveal_id: reveal.reveal_id, reason: String(error) }),
    );
  }

  /**
   * The clocks have drifted apart since the last round trip: a ping tells. At a random moment, for all clients do so; and a
   * second time, for one round trip may be slow.
   *
   * @param {Reveal} reveal
   */
  #askForTheTime({ reveals_at }) {
    const left = reveals_at - ASKED_BY - this.#headcount.serverNow();
    if (left <= 0) return;
    for (const half of [0, 1]) this.#setTimeout(() => this.#headcount.wake(), ((half + this.#random()) * left) / 2);
  }

  /**
   * @param {Reveal} reveal
   * @param {any} content
   */
  #revealAt(reveal, content) {
    const { reveal_id, reveals_at } = reveal;
    if (!this.#reveals.has(reveal_id)) return;
    const left = reveals_at - this.#headcount.serverNow();
    // In halves, because what is known of the server's clock becomes better.
    if (left > 0) this.#setTimeout(() => this.#revealAt(reveal, content), left > 100 ? left / 2 : left);
    else this.#dispatch("reveal", { reveal_id, content });
  }

  /** @param {number} seq */
  #cancelled(seq) {
    const told = this.#told.get(seq);
    if (!told) return;
    if ("reveal_id" in told) this.#reveals.delete(told.reveal_id);
    this.#dispatch("cancelled", told);
  }

  /**
   * @template {keyof ShowEvents} K
   * @param {K} name
   * @param {ShowEvents[K]} detail
   */
  #dispatch(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

// As handlers/core/sealing.py has it.
const HKDF = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(32), info: new TextEncoder().encode("headcount reveal") };

/**
 * Open what was sealed: it is combined (XOR) with what HKDF makes of the key.
 *
 * @param {string} sealed  base64
 * @param {string} key     base64
 * @returns {Promise<any>}
 */
async function opened(sealed, key) {
  const [bytes, keyBytes] = [sealed, key].map((text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0)));
  const { subtle } = globalThis.crypto;
  if (!subtle) throw new Error("the page has no WebCrypto: serve it over https");
  const secret = await subtle.importKey("raw", keyBytes, "HKDF", false, ["deriveBits"]);
  const stream = new Uint8Array(await subtle.deriveBits(HKDF, secret, bytes.length * 8));
  return JSON.parse(new TextDecoder().decode(bytes.map((byte, index) => byte ^ stream[index])));
}
