// Written from docs/reference/asyncapi.json by `npm run types` in tests/client/typescript.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description This device shows a bonus: no further round needs to reach its user. */
        AckMessage: {
            /**
             * @description what is asked for
             * @enum {unknown}
             */
            action: "ack";
            /** @description its id: of a request, one that you choose; of an entry, its number */
            id: string;
            /**
             * Format: uuid
             * @description the bonus
             */
            bonus_id: string;
        };
        /** @description The answer to `ack`. */
        Acked: {
            /**
             * @description what kind it is
             * @enum {unknown}
             */
            type: "acked";
            /** @description the `id` of the request that this answers */
            re: string;
        };
        /** @description Something the user did, for their other tabs and devices to show. */
        ActMessage: {
            /**
             * @description what is asked for
             * @enum {unknown}
             */
            action: "act";
            /** @description its id: of a request, one that you choose; of an entry, its number */
            id: string;
            /** @description what kind it is */
            type: string;
            /** @description any JSON object, for your front-end */
            body: Record<string, never>;
            /**
             * @description what it changes in the user's state: a JSON merge patch (RFC 7396)
             * @default null
             */
            patch?: Record<string, never> | null;
        };
        /** @description The answer to `act`. */
        Acted: {
            /**
             * @description what kind it is
             * @enum {unknown}
             */
            type: "acted";
            /** @description the `id` of the request that this answers */
            re: string;
            /** @description false: the connection was ended wrongly; open another one */
            is_counted?: boolean;
            /** @description milliseconds since the epoch, by the database's clock */
            server_now: number;
            /** @description the log that the events are of; another one when events were lost */
            epoch: string | null;
            /** @description the event that it made, if it did */
            event: components["schemas"]["StreamEvent"] | null;
        };
        /** @description The answer to `answer`. Each outcome is an answer, none is an error. */
        AnswerAnswer: {
            /**
             * @description what kind it is
             * @enum {unknown}
             */
            type: "answer";
            /** @description the `id` of the request that this answers */
            re: string;
            /** @description false: the connection was ended wrongly; open another one */
            is_counted?: boolean;
            /** @description milliseconds since the epoch, by the database's clock */
            server_now: number;
            /** @description the log that the events are of; another one when events were lost */
            epoch: string | null;
            /** @description the event that it made, if it did */
            event: components["schemas"]["StreamEvent"] | null;
            /**
             * Format: uuid
             * @description the question
             */
            question_id: string;
            /**
             * @description what came of it
             * @enum {unknown}
             */
            outcome: "already_answered" | "answered" | "cancelled" | "closed" | "too_early" | "unknown_option" | "unknown_question";
            /** @description the user's answer that counts; null: none does */
            option: number | null;
        };
        /** @description Answers a question with one of its options, the first of which is 0. */
        AnswerMessage: {
            /**
             * @description what is asked for
             * @enum {unknown}
             */
            action: "answer";
            /** @description its id: of a request, one that you choose; of an entry, its number */
            id: string;
            /**
             * Format: uuid
             * @description the question
             */
            question_id: string;
            /** @description the number of the option, from 0 */
            option: number;
        };
        /** @description The body of `question.answered`. */
        AnsweredBody: {
            /**
             * Format: uuid
             * @description the question
             */
            question_id: string;
            /** @description the number of the user's option, from 0 */
            option: number;
        };
        /** @description The answer to `audience`. */
        AudienceAnswer: {
            /**
             * @description what kind it is
             * @enum {unknown}
             */
            type: "audience";
            /** @description the `id` of the request that this answers */
            re: string;
            /** @description milliseconds since the epoch, by the database's clock */
            server_now: number;
            /** @description what is watched, such as a page or a stream */
            resource: string;
            /** @description users who watch it */
            users: number | null;
            /** @description their connections */
            connections: number | null;
            /** @description when they were counted */
            sampled_at: number | null;
            /** @description who they are; null: the ticket does not allow it, or too many */
            list: components["schemas"]["Person"][] | null;
            /** @description ask again after so long, and not before */
            ask_again_ms: number | null;
        };
        /** @description Asks how many watch a resource. */
        AudienceMessage: {
            /**
             * @description what is asked for
             * @enum {unknown}
             */
            action: "audience";
            /** @description its id: of a request, one that you choose; of an entry, its number */
            id: string;
            /** @description what is watched, such as a page or a stream */
            resource: string;
        };
        /** @description An offer. A later one with the same `bonus_id` replaces it. */
        Bonus: {
            /**
             * Format: uuid
             * @description the bonus
             */
            bonus_id: string;
            /** @description what a user gets for claiming, as your backend gave it */
            reward: Record<string, never>;
            /** @description milliseconds since the epoch, by the database's clock */
            opens_at: number;
            /** @description milliseconds since the epoch, by the database's clock */
            expires_at: number;
            /** @description for this user; null while it can be claimed */
            outcome: ("already_claimed" | "cancelled" | "claimed" | "expired" | "not_eligible" | "sold_out" | "too_early" | "unknown_bonus") | null;
            /** @description true: tell by `ack` that the bonus is shown */
            acknowledge: boolean;
            /** @description at most so many are left; null: there is no stock */
            left?: number | null;
            /** @description what is missing; null: nothing */
            progress?: components["schemas"]["Progress"] | null;
        };
        /** @description A bonus for everyone or for this resource; again when it changes. */
        BonusPush: {
            /**
             * @description what kind it is
             * @enum {unknown}
             */
            type: "bonus";
            /** @description milliseconds since the epoch, by the database's clock */
            server_now: number;
            /** @description its place in the stream of broadcasts */
            broadcast: components["schemas"]["Place"] | null;
            bonus: components["schemas"]["Bonus"];
        };
        /** @description Asks for the bonuses that are for the user, behind the page before. */
        BonusesMessage: {
            /**
             * @description what is asked for
             * @enum {unknown}
             */
            action: "bonuses";
            /** @description its id: of a request, one that you choose; of an entry, its number */
            id: string;
            /**
             * @description `next` of the page before; leave it out for the first page
             * @default null
             */
            after?: string | null;
        };
        /** @description The answer to `bonuses`. */
        BonusesPage: {
            /**
             * @description what kind it is
             * @enum {unknown}
             */
            type: "bonuses";
            /** @description the `id` of the request that this answers */
            re: string;
            /** @description milliseconds since the epoch, by the database's clock */
            server_now: number;
            /** @description the first to expire first */
            bonuses: components["schemas"]["Bonus"][] | null;
            /** @description pass it as `after` for the next page; null: none */
            next: string | null;
        };
        /** @description The stream of broadcasts. */
        Broadcasts: {
            /** @description the last one */
            seq: number;
            /** @description whether none is missing in `news` */
            recovered: boolean;
            /** @description those after `broadcasts_since` that are not over */
            news: components["schemas"]["News"][];
        };
        /** @description Bonuses for watching, and how far this user is. */
        Campaign: {
            /**
             * Format: uuid
             * @description the campaign
             */
            campaign_id: string;
            /**
             * @description how it stands now
             * @enum {unknown}
             */
            state: "over" | "paused" | "running" | "upcoming";
            /** @description those that count; null: all */
            resources: string[] | null;
            /**
             * @description which time counts: `connected`, while a connection was open, or `visible`, while the user could see the page
             * @enum {unknown}
             */
            clock: "connected" | "visible";
            /**
             * @description how a minute counts on several of the resources at once: `once`, or on `each`
             * @enum {unknown}
             */
            overlap: "each" | "once";
            /** @description of its days; null: it has none */
            timezone: string | null;
            /** @description milliseconds since the epoch, by the database's clock */
            starts_at: number;
            /** @description milliseconds since the epoch; null: until it is ended */
            ends_at: number | null;
            /** @description how long this user has watched for it, up to `server_now` */
            watched_ms: number;
            /** @description the same of this day; null: it has no days */
            watched_today_ms: number | null;
            /** @description the first to be reached first */
            milestones: components["schemas"]["Milestone"][] | null;
        };
        /** @description How far the user has come in a campaign. */
        CampaignStep: {
            /**
             * Format: uuid
             * @description the campaign
             */
            campaign_id: string;
            /** @description in milliseconds, when the user was judged */
            watched_ms: number;
        };
        /** @description Asks for the campaigns that are for the user, behind the page before. */
        CampaignsMessage: {
            /**
             * @description what is asked for
             * @enum {unknown}
             */
            action: "campaigns";
            /** @description its id: of a request, one that you choose; of an entry, its number */
            id: string;
            /**
             * @description `next` of the page before; leave it out for the first page
             * @default null
             */
            after?: string | null;
        };
        /** @description The answer to `campaigns`. */
        CampaignsPage: {
            /**
             * @description what kind it is
             * @enum {unknown}
             */
            type: "campaigns";
            /** @description the `id` of the request that this answers */
            re: string;
            /** @description milliseconds since the epoch, by the database's clock */
            server_now: number;
            /** @description campaigns that are for the user */
            campaigns: components["schemas"]["Campaign"][] | null;
            /** @description pass it as `after` for the next page; null: none */
            next: string | null;
        };
        /** @description The body of `question.cancelled`. */
        CancelledBody: {
            /**
             * Format: uuid
             * @description the question
             */
            question_id: string;
        };
        /** @description The answer to `claim`. Each outcome is an answer, none is an error. */
        ClaimAnswer: {
            /**
             * @description what kind it is
             * @enum {unknown}
             */
            type: "claim";
            /** @description the `id` of the request that this answers */
            re: string;
            /** @description false: the connection was ended wrongly; open another one */
            is_counted?: boolean;
            /** @description milliseconds since the epoch, by the database's clock */
            server_now: number;
            /** @description the log that the events are of; another one when events were lost */
            epoch: string | null;
            /** @description the event that it made, if it did */
            event: components["schemas"]["StreamEvent"] | null;
            /**
             * Format: uuid
             * @description the bonus
             */
            bonus_id: string;
            /**
             * @description what came of it
             * @enum {unknown}
             */
            outcome: "already_claimed" | "cancelled" | "claimed" | "expired" | "not_eligible" | "sold_out" | "too_early" | "unknown_bonus";
            /** @description what is missing, if that is why */
            progress?: components["schemas"]["Progress"];
        };
        /** @description Asks for a bonus. `user_id` may only be the connection's own user. */
        ClaimMessage: {
            /**
             * @description what is asked for
             * @enum {unknown}
             */
            action: "claim";
            /** @description its id: of a request, one that you choose; of an entry, its number */
            id: string;
            /**
             * Format: uuid
             * @description the bonus
             */
            bonus_id: string;
            /**
             * @description the user's id in your system
             * @default null
             */
            user_id?: string | null;
        };
        /** @description The body of `bonus.claimed`. */
        ClaimedBody: {
            /**
             * Format: uuid
             * @description the bonus
             */
            bonus_id: string;
            /** @description what the user gets */
            reward: Record<string, never>;
        };
        /** @description The body of `bonus.fulfilled` and `bonus.rejected`: what became of a claim. */
        DecidedBody: {
            /**
             * Format: uuid
             * @description the bonus
             */
            bonus_id: string;
            /** @description what the user claimed */
            reward: Record<string, never>;
            /** @description why, in words for the user */
            reason: string | null;
        };
        /** @description A request that was not done, or not yet. */
        Error: {
            /**
             * @description what kind it is
             * @enum {unknown}
             */
            type: "error";
            /** @description the `id` of the request, if it is known */
            re: string | null;
            /** @description why, for programs */
            code: string;
            /** @description why, and what to do, for people */
            reason: string;
            /** @description with `kicked`: your backend's words */
            words?: string | null;
            /** @description wait for so long */
            retry_after_ms?: number;
        };
        /** @description An event of the user's stream, made on another connection or by the server. */
        EventPush: {
            /**
             * @description what kind it is
             * @enum {unknown}
             */
            type: "event";
            /** @description milliseconds since the epoch, by the database's clock */
            server_now: number;
            /** @description the log that the events are of; another one when events were lost */
            epoch: string | null;
            /** @description the event */
            event: components["schemas"]["StreamEvent"];
        };
        /** @description API Gateway's own: it does not say which request it answers. Send that again, later. */
        GatewayError: {
            /** @description what is wrong */
            message: string;
            /** @description the connection */
            connectionId?: string;
            /** @description API Gateway's own id of the request */
            requestId?: string;
        };
        /**
         * @description Asks for everything to draw, or for what came after `since`.
         *
         *         May say whether the client is visible, as a `VisibilityMessage` does.
         */
        HelloMessage: {
            /**
             * @description what is asked for
             * @enum {unknown}
             */
            action: "hello";
            /** @description its id: of a request, one that you choose; of an entry, its number */
            id: string;
            /**
             * @description the last `seq` that you have; leave it out the first time
             * @default null
             */
            since?: number | null;
            /**
             * @description the log that the events are of; another one when events were lost
             * @default null
             */
            epoch?: string | null;
            /**
             * @description the last `seq` of broadcasts that you have; leave it out the first time
             * @default null
             */
            broadcasts_since?: number | null;
            /**
             * @description whether the user can see the client
             * @default null
             */
            visible?: boolean | null;
            /**
             * @description numbers what this connection tells of `visible`: the first is 1
             * @default null
             */
            change?: number | null;
        };
        /** @description The user's session on a resource; nulls if the connection is in none. */
        Here: {
            /** @description the start, in milliseconds since the epoch or as RFC 3339 */
            joined_at: number | null;
            /** @description open connections of the session */
            connections: number | null;
        };
        /** @description The body of `reveal.key`. */
        KeyBody: {
            /**
             * Format: uuid
             * @description the reveal
             */
            reveal_id: string;
            /** @description milliseconds since the epoch, by the database's clock */
            reveals_at: number;
            /** @description 32 bytes in base64 */
            key: string;
        };
        /** @description Something that happened to a bonus of the user. */
        LedgerEntry: {
            /** @description the number of the entry */
            id: number;
            /**
             * @description what happened
             * @enum {unknown}
             */
            entry: "cancelled" | "claimed" | "created" | "expired" | "fulfilled" | "offered" | "rejected";
            /**
             * Format: uuid
             * @description the bonus
             */
            bonus_id: string;
            /** @description what a user gets for claiming */
            reward: Record<string, never>;
            /** @description milliseconds since the epoch, by the database's clock */
            at: number;
            /** @description why a claim was rejected, in words for the user */
            reason: string | null;
        };
        /** @description Asks what happened to the user's bonuses, before an entry that the client has. */
        LedgerMessage: {
            /**
             * @description what is asked for
             * @enum {unknown}
             */
            action: "ledger";
            /** @description its id: of a request, one that you choose; of an entry, its number */
            id: string;
            /**
             * @description `next` of the page before; leave it out for the first page
             * @default null
             */
            before?: number | null;
        };
        /** @description The answer to `ledger`. */
        LedgerPage: {
            /**
             * @description what kind it is
             * @enum {unknown}
             */
            type: "ledger";
            /** @description the `id` of the request that this answers */
            re: string;
            /** @description milliseconds since the epoch, by the database's clock */
            server_now: number;
            /** @description the newest first */
            entries: components["schemas"]["LedgerEntry"][] | null;
            /** @description pass it as `before` for the next page; null: none */
            next: number | null;
        };
        /** @description A milestone of a campaign, and how far this user is. */
        Milestone: {
            /** @description its number in the campaign */
            milestone: number;
            /** @description how long they watch for it; of a streak, each day */
            watched_seconds: number;
            /** @description on how many days in a row; null: it is no streak */
            days: number | null;
            /** @description whether it is reached again and again */
            repeats: boolean;
            /** @description what a user gets for claiming its bonus */
            reward: Record<string, never>;
            /** @description how long its bonus can be claimed */
            claim_within_seconds: number;
            /** @description how often it was reached when they were judged last */
            awarded: number;
            /** @description up to today, or up to yesterday while today is not reached */
            days_in_a_row: number | null;
        };
        /** @description A message to all users online, or to all who watch one resource. */
        News: {
            /** @description among broadcasts; not 1, 2, 3, … */
            seq: number;
            /** @description your own; with a dot it is the server's */
            type: string;
            /** @description as your backend gave it, or as the type says */
            body: Record<string, never>;
            /** @description milliseconds since the epoch, by the database's clock */
            at: number;
            /** @description milliseconds since the epoch, by the database's clock */
            expires_at: number;
            /** @description this is no news: the one of that `seq` was cancelled */
            cancels?: number;
        } & (unknown & unknown & unknown & unknown);
        /** @description News, a question, a tally, or a reveal. */
        NewsPush: {
            /**
             * @description what kind it is
             * @enum {unknown}
             */
            type: "news";
            /** @description milliseconds since the epoch, by the database's clock */
            server_now: number;
            /** @description its place in the stream of broadcasts */
            broadcast: components["schemas"]["Place"] | null;
            /** @description the news */
            news: components["schemas"]["News"];
        };
        /** @description The answer to `visibility`. */
        Noted: {
            /**
             * @description what kind it is
             * @enum {unknown}
             */
            type: "noted";
            /** @description the `id` of the request that this answers */
            re: string;
            /** @description milliseconds since the epoch, by the database's clock */
            server_now: number;
            /** @description as in the request */
            change: number;
        };
        /** @description A user who watches the resource. */
        Person: {
            /** @description the user's id in your system */
            user_id: string;
            /** @description milliseconds since the epoch, by the database's clock */
            joined_at: number;
            /** @description open connections */
            connections: number;
        };
        /** @description Keeps the connection open. The gateway answers by itself. */
        Ping: {
            /**
             * @description what is asked for
             * @enum {unknown}
             */
            action: "ping";
        };
        /** @description A place in the stream of broadcasts. */
        Place: {
            /** @description among broadcasts; not 1, 2, 3, … */
            seq: number;
            /** @description the previous broadcast to the same audience; 0: none */
            follows: number | null;
        };
        /** @description The answer to `ping`. */
        Pong: {
            /**
             * @description what kind it is
             * @enum {unknown}
             */
            type: "pong";
            /** @description the server's time, in milliseconds since the epoch */
            server_now: number;
        };
        /** @description How far the user is towards the least watch time of a bonus. */
        Progress: {
            /**
             * @description which time counts: `connected`, while a connection was open, or `visible`, while the user could see the page
             * @enum {unknown}
             */
            clock: "connected" | "visible";
            /** @description how long a user must have watched, in milliseconds */
            min_ms: number;
            /** @description up to when the server said so, in milliseconds */
            watched_ms: number;
            /** @description when it is reached if the clock goes on; null: the clock stands still */
            reached_at: number | null;
        };
        /** @description The user has come further in a campaign. */
        ProgressPush: {
            /**
             * @description what kind it is
             * @enum {unknown}
             */
            type: "progress";
            /** @description milliseconds since the epoch, by the database's clock */
            server_now: number;
            /** @description how far the user is */
            progress: components["schemas"]["CampaignStep"];
        };
        /** @description The body of `question.opened`. */
        QuestionBody: {
            /**
             * Format: uuid
             * @description the question
             */
            question_id: string;
            /** @description what is asked */
            text: string;
            /** @description answers name them by their numbers, the first is 0 */
            options: string[];
            /** @description milliseconds since the epoch, by the database's clock */
            opens_at: number;
            /** @description milliseconds since the epoch, by the database's clock */
            expires_at: number;
        };
        /** @description The body of `reveal.sealed`. */
        SealedBody: {
            /**
             * Format: uuid
             * @description the reveal
             */
            reveal_id: string;
            /** @description milliseconds since the epoch, by the database's clock */
            reveals_at: number;
            /** @description base64; `reveal.key` opens it */
            sealed: string;
        };
        /** @description An entry in the user's ordered stream. */
        StreamEvent: {
            /** @description 1, 2, 3, … per user, without gaps */
            seq: number;
            /** @description the type given to `act`; with a dot it is the server's own */
            type: string;
            /** @description as given to `act`, or as the type says */
            body: Record<string, never>;
            /** @description milliseconds since the epoch, by the database's clock */
            at: number;
            /** @description of the action that made it */
            id: string | null;
            /** @description what it changed in the user's state (RFC 7396) */
            patch?: Record<string, never>;
        } & (unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown);
        /** @description The body of `question.closed`. */
        TallyBody: {
            /**
             * Format: uuid
             * @description the question
             */
            question_id: string;
            /** @description how many users chose each option */
            tally: number[];
            /** @description the number of the right option; null: none is right */
            correct: number | null;
        };
        /** @description Says whether the user can see the client; the connection's `change`-th state. */
        VisibilityMessage: {
            /**
             * @description what is asked for
             * @enum {unknown}
             */
            action: "visibility";
            /** @description its id: of a request, one that you choose; of an entry, its number */
            id: string;
            /** @description whether the user can see the client */
            visible: boolean;
            /** @description numbers what this connection tells of `visible`: the first is 1 */
            change: number;
        };
        /** @description Moves the connection to another resource. */
        WatchMessage: {
            /**
             * @description what is asked for
             * @enum {unknown}
             */
            action: "watch";
            /** @description its id: of a request, one that you choose; of an entry, its number */
            id: string;
            /** @description what is watched, such as a page or a stream */
            resource: string;
        };
        /** @description The answer to `watch`. */
        Watching: {
            /**
             * @description what kind it is
             * @enum {unknown}
             */
            type: "watching";
            /** @description the `id` of the request that this answers */
            re: string;
            /** @description milliseconds since the epoch, by the database's clock */
            server_now: number;
            /** @description what is watched, such as a page or a stream */
            resource: string;
            /** @description false: the connection was ended wrongly; open another one */
            is_counted: boolean;
            /** @description the user's session on the resource */
            session: components["schemas"]["Here"];
            /** @description how long the user has watched this resource */
            watched_ms: number | null;
            /** @description for how much of it they could see the page */
            visible_ms: number | null;
        };
        /** @description Everything to draw: the answer to `hello`. */
        Welcome: {
            /**
             * @description what kind it is
             * @enum {unknown}
             */
            type: "welcome";
            /** @description the `id` of the request that this answers */
            re: string;
            /** @description milliseconds since the epoch, by the database's clock */
            server_now: number;
            /** @description the user's id in your system */
            user_id: string;
            /** @description what is watched, such as a page or a stream */
            resource: string;
            /** @description the connection's id at API Gateway */
            connection_id: string;
            /** @description false: the connection was ended wrongly; open another one */
            is_counted: boolean;
            /** @description the user's session on the resource */
            session: components["schemas"]["Here"];
            /** @description how long the user has watched this resource */
            watched_ms: number;
            /** @description for how much of it they could see the page */
            visible_ms: number;
            /** @description after a loss, connect at a random moment within it */
            reconnect_within_ms: number;
            /** @description send `ping` when nothing was answered for so long */
            ping_every_ms: number;
            /** @description replace the connection before it is so old */
            rotate_within_ms: number;
            /**
             * Format: uuid
             * @description the log of the events; another one when the server lost events
             */
            epoch: string;
            /** @description of the user's last event */
            seq: number;
            /** @description true: `events` are those missed; false: the latest */
            recovered: boolean;
            /** @description events of the stream, in order */
            events: components["schemas"]["StreamEvent"][];
            /** @description the user's state as of `seq` */
            state: Record<string, never>;
            /** @description at most ten, those first that can be claimed */
            bonuses: components["schemas"]["Bonus"][];
            /** @description true: `bonuses` lists the others */
            has_more_bonuses: boolean;
            /** @description news that you have not seen and that are not over */
            broadcasts: components["schemas"]["Broadcasts"];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
