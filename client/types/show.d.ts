/** The questions and reveals of a client's audience. It ends with the client. */
export class Show extends EventTarget {
    /**
     * @param {Headcount} headcount
     * @param {Surroundings} [surroundings]
     */
    constructor(headcount: Headcount, { setTimeout, random }?: Surroundings);
    /**
     * Answer a question. Resolves with the answer that counts: the user's first, on whichever device.
     *
     * @param {string} questionId
     * @param {number} option  its number, from 0
     * @returns {Promise<Answer>}
     * @throws {import("./headcount.js").HeadcountError}
     */
    answer(questionId: string, option: number): Promise<Answer>;
    /**
     * Call `listener` with the detail of each event of this name.
     *
     * @template {keyof ShowEvents} K
     * @param {K} name
     * @param {(detail: ShowEvents[K]) => void} listener
     * @returns {() => void} removes the listener
     */
    on<K extends keyof ShowEvents>(name: K, listener: (detail: ShowEvents[K]) => void): () => void;
    #private;
}
/**
 * A question, from `opens_at` on. Times are milliseconds of the server's clock: see `Headcount.serverNow()`.
 */
export type Question = {
    question_id: string;
    text: string;
    /**
     * their numbers count from 0
     */
    options: string[];
    opens_at: number;
    expires_at: number;
};
/**
 * A question, from `opens_at` on. Times are milliseconds of the server's clock: see `Headcount.serverNow()`.
 */
export type Result = {
    question_id: string;
    /**
     * how many users chose each option
     */
    tally: number[];
    /**
     * the number of the right option, if one is
     */
    correct: number | null;
};
/**
 * A question, from `opens_at` on. Times are milliseconds of the server's clock: see `Headcount.serverNow()`.
 */
export type Answer = Omit<import("./headcount.js").Answer, "event">;
/**
 * A question, from `opens_at` on. Times are milliseconds of the server's clock: see `Headcount.serverNow()`.
 */
export type ShowEvents = {
    /**
     * the audience is asked
     */
    question: Question;
    /**
     * what this user's answer came to, given here or on another device
     */
    answer: Answer;
    /**
     * a question is closed and counted
     */
    result: Result;
    /**
     * the operator has cancelled it: remove it
     */
    cancelled: {
        question_id?: string;
        reveal_id?: string;
    };
    /**
     * something will be revealed then
     */
    sealed: {
        reveal_id: string;
        reveals_at: number;
    };
    /**
     * this is the instant, or a little after it: show the content
     */
    reveal: {
        reveal_id: string;
        content: any;
    };
    /**
     * a content cannot be opened here
     *
     * What is known of a reveal: the key comes later than what it opens, or before it in a welcome.
     */
    unreadable: {
        reveal_id: string;
        reason: string;
    };
};
/**
 * A question, from `opens_at` on. Times are milliseconds of the server's clock: see `Headcount.serverNow()`.
 */
export type Reveal = {
    reveal_id: string;
    reveals_at: number;
    sealed?: string;
    key?: string;
};
/**
 * for tests
 */
export type Surroundings = {
    setTimeout?: ((callback: () => void, milliseconds: number) => any) | undefined;
    random?: (() => number) | undefined;
};
import type { Headcount } from "./headcount.js";
