/**
 * What a show does with its audience: questions. Import it beside the client, and make it before the first welcome:
 *
 *     import { Show } from "headcount-client/show";
 *     const show = new Show(headcount);
 *     show.on("question", ({ question_id, text, options }) => draw(text, options, (option) => show.answer(question_id, option)));
 *     show.on("result", ({ tally, correct }) => chart(tally, correct));
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
 * @property {number} closes_at
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
 * @property {{question_id: string}} cancelled      the operator has cancelled a question: remove it
 */

/** The questions of a client's audience. It ends with the client. */
export class Show extends EventTarget {
  #headcount;
  /** @type {Map<number, string>} the questions that were told, by the seq of their news */
  #told = new Map();

  /** @param {Headcount} headcount */
  constructor(headcount) {
    super();
    this.#headcount = headcount;
    headcount.on("news", (news) => this.#news(news));
    headcount.on("news_cancelled", ({ seq }) => this.#cancelled(seq));
    // With an event, the event tells it.
    headcount.on("answer", ({ question_id, outcome, option, event }) => event || this.#dispatch("answer", { question_id, outcome, option }));
    headcount.on("event", ({ type, body }) => {
      if (type === "question.answered") this.#dispatch("answer", { question_id: body.question_id, outcome: "answered", option: body.option });
    });
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
      this.#told.set(seq, body.question_id);
      this.#dispatch("question", body);
    } else if (type === "question.closed") this.#dispatch("result", body);
  }

  /** @param {number} seq */
  #cancelled(seq) {
    const question_id = this.#told.get(seq);
    if (question_id !== undefined) this.#dispatch("cancelled", { question_id });
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
