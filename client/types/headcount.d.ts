export { HeadcountError };
/**
 * A user's presence on one resource, and the user's stream of events, kept across reconnects.
 *
 * It connects when constructed and stays connected until `close()`. Listen with `on(name, listener)`; `Events` lists the
 * names: `status`, `welcome`, `watching`, `snapshot`, `event`, `state`, `bonus`, `claim`, `answer`, `news`, `news_cancelled`, `progress`, `audience`, `backlog`, `error`.
 *
 *     const headcount = new Headcount({ ticket: () => fetch("/my/ticket").then((response) => response.json()) });
 *     headcount.on("event", ({ type, body }) => show(type, body));
 *     headcount.on("bonus", (bonus) => offer(bonus, () => headcount.claim(bonus.bonus_id)));
 *     await headcount.act("like", { photo: 7 });
 */
export class Headcount extends EventTarget {
    /** @param {Options} options */
    constructor(options: Options);
    /** The latest `status` event. */
    get status(): import("./types.js").Status;
    /** The latest `backlog` event. */
    get backlog(): import("./types.js").Backlog;
    /** The user's state as of the last event. The patches of acts change it. {} before the first welcome. */
    get state(): object;
    /** The bonuses that were told and are not over, each as of its last `bonus` event, the first to expire first. */
    get bonuses(): import("./types.js").Bonus[];
    /**
     * How many watch what the connection watches, as of the last answer: asked for while the page listens to `audience`. null
     * before the first.
     *
     * @returns {AudienceOfResource|null}
     */
    get audience(): AudienceOfResource | null;
    /** What the connection watches and the user's session there, as of the last welcome or `watching`; null before. */
    get watched(): import("./types.js").Watching | null;
    /**
     * The server's time in milliseconds since the epoch, accurate to half of the quickest round trip; the local time before the
     * first message. It goes on by a clock that is never set.
     */
    serverNow(): number;
    /**
     * Send a message of the protocol and resolve with its answer. It is sent until it is answered, over any number of connections.
     *
     * @param {{action: string} & Record<string, any>} message  without an id
     * @returns {Promise<any>}
     * @throws {HeadcountError}
     */
    request(message: {
        action: string;
    } & Record<string, any>): Promise<any>;
    /**
     * Add an event to the user's stream, which all tabs and devices of the user see. Resolves with its entry there.
     *
     * It is done once, and after the acts before it, however many connections that takes.
     *
     * @param {string} type  a lower-case letter, then up to 63 lower-case letters, digits, - and _
     * @param {object} [body]
     * @param {{patch?: object}} [options]  patch: what it changes in the user's state, as a JSON merge patch (RFC 7396). The
     *   state holds at most 16 KB; the server refuses more with code "state_too_large"
     * @returns {Promise<StreamEvent>}
     * @throws {HeadcountError}
     */
    act(type: string, body?: object, { patch }?: {
        patch?: object;
    }): Promise<StreamEvent>;
    /**
     * Claim a bonus. Resolves with the outcome; "expired" and "sold_out" are outcomes, not errors.
     *
     * A claim that the server has no room for is sent again until it is answered or the bonus has expired.
     *
     * @param {string} bonusId
     * @returns {Promise<Claim>}
     * @throws {HeadcountError}
     */
    claim(bonusId: string): Promise<Claim>;
    /**
     * Watch another resource over the same connection. Resolves with the user's session there; a welcome follows.
     *
     * The client remembers it: later connections move there too. If you call it again before the answer, only the last call
     * counts, and its answer resolves all of them. The ticket must allow the resource (`may_watch`); otherwise the server
     * refuses it with code "not_allowed".
     *
     * @param {string} resource  1 to 128 characters
     * @returns {Promise<Watching>}
     * @throws {HeadcountError}
     */
    watch(resource: string): Promise<Watching>;
    /**
     * Read the history of this user's bonuses, newest first, one page at a time.
     *
     * @param {{before?: Ledger["next"]}} [options]  before: `next` of the previous page; leave it out for the newest page
     * @returns {Promise<Ledger>}
     * @throws {HeadcountError}
     */
    ledger({ before }?: {
        before?: Ledger["next"];
    }): Promise<Ledger>;
    /**
     * Read all bonuses that are for this user and not over, the first to expire first, one page at a time. Each becomes known
     * like one that is told: it is a `bonus` event, and in `bonuses`.
     *
     * @param {{after?: BonusesPage["next"]}} [options]  after: `next` of the previous page; leave it out for the first page
     * @returns {Promise<BonusesPage>}
     * @throws {HeadcountError}
     */
    listBonuses({ after }?: {
        after?: BonusesPage["next"];
    }): Promise<BonusesPage>;
    /**
     * Read the campaigns that are for this user, and how far they are in each, one page at a time.
     *
     * @param {{after?: CampaignsPage["next"]}} [options]  after: `next` of the previous page; leave it out for the first page
     * @returns {Promise<CampaignsPage>}
     * @throws {HeadcountError}
     */
    listCampaigns({ after }?: {
        after?: CampaignsPage["next"];
    }): Promise<CampaignsPage>;
    /** Check that the connection still works, or try earlier to connect. Call it when e.g. the network changed. */
    wake(): void;
    /** Leave for good. Rejects unanswered requests with code "closed"; the last event is a `status`. */
    close(): void;
    /**
     * Leave for good, and keep nothing of this user, neither here nor in the storage. Rejects unanswered requests with code
     * "signed_out"; the last event is a `status`. For the next user make another Headcount.
     */
    signOut(): void;
    /**
     * Call `listener` with the detail of each event of this name. While one listens to "audience", the client asks for it.
     *
     * @template {keyof Events} K
     * @param {K} name
     * @param {(detail: Events[K]) => void} listener
     * @returns {() => void} removes the listener
     */
    on<K extends keyof Events>(name: K, listener: (detail: Events[K]) => void): () => void;
    #private;
}
export type Answer = import("./types.js").Answer;
export type AudienceOfResource = import("./types.js").Audience;
export type Backlog = import("./types.js").Backlog;
export type Bonus = import("./types.js").Bonus;
export type BonusesPage = import("./types.js").BonusesPage;
export type CampaignsPage = import("./types.js").CampaignsPage;
export type Claim = import("./types.js").Claim;
export type Events = import("./types.js").Events;
export type Ledger = import("./types.js").Ledger;
export type LedgerEntry = import("./types.js").LedgerEntry;
export type News = import("./types.js").News;
export type Options = import("./types.js").Options;
export type Outcome = import("./types.js").Outcome;
export type Status = import("./types.js").Status;
export type StreamEvent = import("./types.js").StreamEvent;
export type Ticket = import("./types.js").Ticket;
export type Watching = import("./types.js").Watching;
export type Welcome = import("./types.js").Welcome;
import { HeadcountError } from "./types.js";
