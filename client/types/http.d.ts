// Written from docs/reference/openapi.json by `npm run types` in tests/client/typescript.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description One period of the interval. Without `by` there is one: the interval, up to now. */
        Audience: {
            /** @description milliseconds since the epoch */
            starts_at: number;
            /** @description the period's end within the interval, not included, in milliseconds since the epoch; at most the time of the answer */
            ends_at: number;
            /** @description users who watched at least `min_seconds` within the period */
            unique_viewers: number;
            /** @description of them, users whose first session on these resources begins in the period, as long as the user's past sessions are kept */
            new_viewers: number;
            /** @description of them, the others: they had been here before */
            returning_viewers: number;
            /** @description of the unique viewers of the first period, how many are unique viewers of this one */
            retained_viewers: number;
            /** @description `retained_viewers` as a share of the first period's unique viewers; null if there were none */
            retention: number | null;
            /** @description sessions that began within the period */
            views: number;
            /** @description sessions that overlap the period */
            sessions: number;
            /** @description time that users watched within the period, in milliseconds; a minute on several of the resources counts once */
            watched_ms: number;
            /** @description users who watched at once, on average over the period: the average minute audience */
            average_viewers: number;
            /** @description `watched_ms` divided by `sessions`; null if there are none */
            average_view_ms: number | null;
            /** @description the most users who watched at once */
            peak_viewers: number;
            /** @description the first moment with `peak_viewers`, in milliseconds since the epoch */
            peak_at: number;
            /** @description 100: all users were looked at, and all is exact; less: figures of users are estimates, from a sample of so many of them */
            sample_percent: number;
            /** @description by how much `unique_viewers` may be wrong, in per cent of it and in 95 of 100 cases; 0 if all users were looked at, null if no user of the sample was there */
            error_percent: number | null;
        };
        AudiencePage: {
            /** @description the entries, in order */
            items: components["schemas"]["Audience"][];
            /** @description the same for the interval that begins at `compare_from`; null without it */
            compared: components["schemas"]["Audience"][] | null;
            /** @description 0: the peaks are exact; otherwise viewers are counted at one moment in so many milliseconds */
            resolution_ms: number;
        };
        /** @description An order: what a key asked for that changes something. */
        AuditEntry: {
            /** @description its id: of a request, one that you choose; of an entry, its number */
            id: number;
            /** @description milliseconds since the epoch */
            at: number;
            /** @description the name of the key, or `the service token` */
            author: string;
            /** @description the address that the request came from */
            source: string | null;
            /** @description as in `operationId` of GET /openapi.json */
            operation: string;
            /** @description what it is about: the id of a bonus, news, a campaign, a correction, a key, or of the user who was kicked or erased */
            subject: string | null;
            /** @description what came of it: `created`, `edited`, `changed`, `cancelled` or `done`; else nothing has changed, as with `repeated` or `conflict`. Null for a kick: noted before it begins */
            outcome: string | null;
            /** @description why, in words; null: none was given */
            reason: string | null;
        };
        AuditPage: {
            /** @description the entries, in order */
            items: components["schemas"]["AuditEntry"][];
            /** @description pass it as `after` for the next page; null on the last page */
            next: string | null;
        };
        Bonus: {
            /**
             * Format: uuid
             * @description the bonus
             */
            bonus_id: string;
            /** @description what a user gets: the JSON object that you sent */
            reward: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /**
             * @description who it is for: `everyone`, the viewers of one `resource`, or listed `users`
             * @enum {string}
             */
            audience: "everyone" | "resource" | "users";
            /** @description what is watched, such as a page or a stream */
            resource: string | null;
            /** @description milliseconds since the epoch */
            opens_at: number;
            /** @description milliseconds since the epoch */
            expires_at: number;
            /** @description how many users can claim it; null: no limit */
            stock: number | null;
            /** @description what is left of the stock; null without a stock */
            left: number | null;
            /** @description how long a user must have watched to claim, in milliseconds; null: no matter */
            min_watched_ms: number | null;
            /**
             * @description which time `min_watched_ms` counts
             * @enum {string}
             */
            clock: "connected" | "visible";
            /** @description whether each device acknowledges that it shows the bonus */
            acknowledge: boolean;
            /** @description the campaign that made this bonus, if any */
            campaign_id: string | null;
            /** @description the number of its milestone */
            milestone: number | null;
            /** @description milliseconds since the epoch */
            created_at: number;
            /** @description the name of the key that ordered it; null: none did, or that was longer ago than GET /audit goes back */
            ordered_by: string | null;
            /**
             * @description how it stands now
             * @enum {string}
             */
            state: "upcoming" | "open" | "expired" | "cancelled";
            /** @description users who have claimed the bonus */
            claimed: number;
            /** @description users who have acknowledged the bonus; deleted together with `broadcast` */
            acknowledged: number;
            /** @description how far the audience has been told; null from a day after the bonus' end */
            broadcast: components["schemas"]["Progress"] | null;
            /** @description the database's time at the response, in milliseconds since the epoch */
            server_now: number;
        };
        /** @description A bonus to offer. */
        BonusOrder: {
            /** @description an id of your own, so that you can send the request again when its response gets lost. The same request is then answered 200 with what the first one created, another one 409 `conflict`. Without an id, here or in the header `Idempotency-Key`, each request creates something new */
            bonus_id?: string | null;
            /** @description what a user gets for claiming: any JSON object of at most 4,096 bytes as stored, nested at most 32 levels deep */
            reward: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** @description who is told about the bonus and may claim it */
            audience: components["schemas"]["Everyone"] | components["schemas"]["Viewers"] | components["schemas"]["Listed"];
            /**
             * @description when the claim window opens, from now by the database's clock
             * @default 0
             */
            opens_in_seconds?: number;
            /** @description instead of `opens_in_seconds`: when the claim window opens, in milliseconds since the epoch or as RFC 3339. May be in the past as long as the window has not ended */
            opens_at?: number | string | null;
            /** @description how long the bonus can be claimed */
            window_seconds: number;
            /** @description how many users can claim it; null: no limit */
            stock?: number | null;
            /** @description only users who have watched this long by the time of their claim can claim: the audience's resource, or any resource for another audience, where a moment on several resources counts once */
            min_watched_seconds?: number | null;
            /**
             * @description which time `min_watched_seconds` counts: `connected`, while a connection was open, or `visible`, while the user could see the page of one
             * @default connected
             * @enum {string}
             */
            clock?: "connected" | "visible";
            /** @description whether each device acknowledges that it shows the bonus. Users who have neither acknowledged nor claimed it are told again after 5 seconds, at most twice, and the bonus counts the acknowledgements. This costs one message per user who shows it, so null means true for listed users and false for other audiences */
            acknowledge?: boolean | null;
        };
        BonusWarning: {
            /**
             * @description what it is, for programs
             * @constant
             */
            code: "window_too_short";
            /** @description what is wrong and what to do, for people */
            detail: string;
        };
        BonusesPage: {
            /** @description the entries, in order */
            items: components["schemas"]["ListedBonus"][];
            /** @description pass it as `after` for the next page; null on the last page */
            next: string | null;
        };
        Campaign: {
            /**
             * Format: uuid
             * @description the campaign
             */
            campaign_id: string;
            /** @description null: all */
            resources: string[] | null;
            /**
             * @description which time counts: `connected`, while a connection was open, or `visible`, while the user could see the page
             * @enum {string}
             */
            clock: "connected" | "visible";
            /**
             * @description how a minute counts on several of the resources at once: `once`, or on `each`
             * @enum {string}
             */
            overlap: "once" | "each";
            /** @description of its days: `UTC`, or a name of the IANA database; null: it has none */
            timezone: string | null;
            /** @description milliseconds since the epoch; null: it is not shown before its start */
            announced_at: number | null;
            /** @description milliseconds since the epoch */
            starts_at: number;
            /** @description milliseconds since the epoch; null: until the campaign is ended */
            ends_at: number | null;
            /** @description milliseconds since the epoch; null unless the campaign is paused */
            paused_at: number | null;
            /** @description milliseconds since the epoch */
            created_at: number;
            /** @description the name of the key that ordered it; null: none did, or that was longer ago than GET /audit goes back */
            ordered_by: string | null;
            /**
             * @description how it stands now
             * @enum {string}
             */
            state: "upcoming" | "running" | "paused" | "over";
            /** @description the first to be reached first, streaks after the others */
            milestones: components["schemas"]["Milestone"][];
            /** @description how many awards there are at most */
            limits: components["schemas"]["Limits"];
            /** @description the users of a test; null: the campaign is for all */
            test_user_ids: string[] | null;
        };
        /** @description What counts, when, and what it brings. */
        CampaignEdit: {
            /** @description the resources that count; null: all */
            resources?: string[] | null;
            /**
             * @description which time counts: `connected`, while a connection was open, or `visible`, while the user could see the page of one
             * @default connected
             * @enum {string}
             */
            clock?: "connected" | "visible";
            /**
             * @description how a minute counts that a user watches on several of the resources at once: `once`, or on `each`
             * @default once
             * @enum {string}
             */
            overlap?: "once" | "each";
            /** @description of its days, for streaks and `per_day`: `UTC`, or a name of the IANA database such as `Europe/Berlin` */
            timezone?: string | null;
            /** @description from when on its users can see it with its start and its rewards; needs `starts_at`. Null: from its start */
            announced_at?: number | string | null;
            /** @description from when on it counts. Null: from now on; in an edit, from when it did */
            starts_at?: number | string | null;
            /** @description up to when it counts. Null: until it is ended */
            ends_at?: number | string | null;
            /** @description the first to be reached first, streaks after the others */
            milestones: components["schemas"]["MilestoneOrder"][];
            /** @description what a limit holds back is awarded once it allows that, a milestone that was reached several times meanwhile once */
            limits?: components["schemas"]["Limits"];
            /** @description a test: only these users are awarded anything. An edit without it begins the campaign for all, and nothing of the test counts. Null: it is for all */
            test_user_ids?: string[] | null;
        };
        /** @description Bonuses for having watched so long, over all sessions and devices. */
        CampaignOrder: {
            /** @description the resources that count; null: all */
            resources?: string[] | null;
            /**
             * @description which time counts: `connected`, while a connection was open, or `visible`, while the user could see the page of one
             * @default connected
             * @enum {string}
             */
            clock?: "connected" | "visible";
            /**
             * @description how a minute counts that a user watches on several of the resources at once: `once`, or on `each`
             * @default once
             * @enum {string}
             */
            overlap?: "once" | "each";
            /** @description of its days, for streaks and `per_day`: `UTC`, or a name of the IANA database such as `Europe/Berlin` */
            timezone?: string | null;
            /** @description from when on its users can see it with its start and its rewards; needs `starts_at`. Null: from its start */
            announced_at?: number | string | null;
            /** @description from when on it counts. Null: from now on; in an edit, from when it did */
            starts_at?: number | string | null;
            /** @description up to when it counts. Null: until it is ended */
            ends_at?: number | string | null;
            /** @description the first to be reached first, streaks after the others */
            milestones: components["schemas"]["MilestoneOrder"][];
            /** @description what a limit holds back is awarded once it allows that, a milestone that was reached several times meanwhile once */
            limits?: components["schemas"]["Limits"];
            /** @description a test: only these users are awarded anything. An edit without it begins the campaign for all, and nothing of the test counts. Null: it is for all */
            test_user_ids?: string[] | null;
            /** @description an id of your own, so that you can send the request again when its response gets lost. The same request is then answered 200 with what the first one created, another one 409 `conflict`. Without an id, here or in the header `Idempotency-Key`, each request creates something new */
            campaign_id?: string | null;
        };
        CampaignProgress: {
            /** @description how long the user has watched for the campaign by now */
            watched_ms: number;
            /** @description on this day of its `timezone`; null: it has none */
            watched_today_ms: number | null;
            /** @description the first to be reached first, streaks after the others */
            milestones: components["schemas"]["MilestoneProgress"][];
            /** @description the database's time at the response, in milliseconds since the epoch */
            server_now: number;
        };
        CampaignsPage: {
            /** @description the entries, in order */
            items: components["schemas"]["Campaign"][];
            /** @description pass it as `after` for the next page; null on the last page */
            next: string | null;
        };
        Candidate: {
            /** @description the user's id in your system */
            user_id: string;
            /** @description in hexadecimal digits */
            rank: string;
            /** @description whether the candidate wins */
            has_won: boolean;
        };
        CandidatesPage: {
            /** @description the entries, in order */
            items: components["schemas"]["Candidate"][];
            /** @description pass it as `after` for the next page; null on the last page */
            next: string | null;
        };
        /** @description A claim that was granted. */
        Claim: {
            /** @description the user's id in your system */
            user_id: string;
            /** @description milliseconds since the epoch */
            claimed_at: number;
            /**
             * @description what became of it: see POST /payouts
             * @enum {string}
             */
            state: "pending" | "fulfilled" | "rejected";
        };
        /** @description One step. */
        ClaimCount: {
            /** @description when the step begins, in milliseconds since the epoch */
            at: number;
            /** @description claims that were granted within the step */
            claims: number;
        };
        ClaimCounts: {
            /** @description the entries, in order */
            items: components["schemas"]["ClaimCount"][];
            /** @description how long each step is; null: there is no claim */
            step_seconds: number | null;
        };
        /** @description The users who have claimed this bonus. */
        Claims: {
            /**
             * @description which kind it is (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "claims";
            /**
             * Format: uuid
             * @description the bonus
             */
            bonus_id: string;
            /** @description only those who claimed so soon after it opened; null: all of them */
            within_seconds?: number | null;
        };
        ClaimsPage: {
            /** @description the entries, in order */
            items: components["schemas"]["Claim"][];
            /** @description pass it as `after` for the next page; null on the last page */
            next: string | null;
        };
        CloseOrder: {
            /** @description the user's id in your system */
            user_id: string;
            /** @description your words to the user, for their page to show; also in GET /audit */
            reason?: string | null;
            /** @description the `connection_id` of GET /connections */
            connection_id: string;
        };
        /** @description One step of the interval. */
        Concurrency: {
            /** @description when the step begins, in milliseconds since the epoch */
            at: number;
            /** @description viewers when the step begins; a user on two resources counts as two viewers */
            viewers: number;
            /** @description the most viewers at once within the step */
            peak_viewers: number;
            /** @description the first moment with `peak_viewers`, in milliseconds since the epoch */
            peak_at: number;
        };
        ConcurrencyPage: {
            /** @description the entries, in order */
            items: components["schemas"]["Concurrency"][];
            /** @description the first moment with the most viewers; null if the interval has not begun */
            peak: components["schemas"]["Peak"] | null;
            /** @description the length of a step, in seconds */
            step_seconds: number;
            /** @description 0: the peaks are exact; otherwise viewers are counted at one moment in so many milliseconds */
            resolution_ms: number;
        };
        /** @description One open WebSocket connection. */
        Connection: {
            /** @description the connection's id at API Gateway */
            connection_id: string;
            /** @description the gateway endpoint that holds the connection */
            node: string;
            /** @description the label from the connection's ticket */
            device: string | null;
            /** @description the session */
            session_id: number;
            /** @description what is watched, such as a page or a stream */
            resource: string;
            /** @description milliseconds since the epoch */
            opened_at: number;
            /** @description how long the connection has been open, in milliseconds */
            age_ms: number;
        };
        Connections: {
            /** @description the user's id in your system */
            user_id: string;
            /** @description the entries, in order */
            items: components["schemas"]["Connection"][];
        };
        /** @description What was said of a session instead of what is recorded. */
        Correction: {
            /**
             * Format: uuid
             * @description the correction
             */
            correction_id: string;
            /** @description the session */
            session_id: number;
            /** @description the user's id in your system */
            user_id: string;
            /** @description what is watched, such as a page or a stream */
            resource: string;
            /** @description 1 for the first correction of the session */
            revision: number;
            /** @description when the user was there; empty: the session did not happen */
            times: components["schemas"]["Time"][];
            /** @description why, in words; null: none was given */
            reason: string;
            /** @description who asked for it */
            author: string;
            /** @description milliseconds since the epoch */
            at: number;
            /** @description whether no later one has replaced it */
            is_in_force: boolean;
        };
        CorrectionOrder: {
            /** @description an id of your own, so that you can send the request again when its response gets lost. The same request is then answered 200 with what the first one created, another one 409 `conflict`. Without an id, here or in the header `Idempotency-Key`, each request creates something new */
            correction_id?: string | null;
            /** @description the user's id in your system */
            user_id: string;
            /** @description the `session_id` of GET /sessions */
            session_id: number;
            /**
             * @description the revision that is wrong, as GET /sessions shows it: 0 is as recorded
             * @default 0
             */
            revision?: number;
            /** @description when the user was there instead, over the whole session: one time, or several in order with outages between them; an empty list if the session did not happen. A moment that GET /sessions shows for this session stays exactly that one */
            times: components["schemas"]["OrderedTime"][];
            /** @description why, for an auditor; kept with the author and the time */
            reason: string;
            /** @description who asks: a person, a program or a case of yours; kept with the time */
            author: string;
        };
        CorrectionsPage: {
            /** @description the entries, in order */
            items: components["schemas"]["Correction"][];
            /** @description pass it as `after` for the next page; null on the last page */
            next: string | null;
        };
        CreatedBonus: {
            /**
             * Format: uuid
             * @description the bonus
             */
            bonus_id: string;
            /** @description what a user gets: the JSON object that you sent */
            reward: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /**
             * @description who it is for: `everyone`, the viewers of one `resource`, or listed `users`
             * @enum {string}
             */
            audience: "everyone" | "resource" | "users";
            /** @description what is watched, such as a page or a stream */
            resource: string | null;
            /** @description milliseconds since the epoch */
            opens_at: number;
            /** @description milliseconds since the epoch */
            expires_at: number;
            /** @description how many users can claim it; null: no limit */
            stock: number | null;
            /** @description what is left of the stock; null without a stock */
            left: number | null;
            /** @description how long a user must have watched to claim, in milliseconds; null: no matter */
            min_watched_ms: number | null;
            /**
             * @description which time `min_watched_ms` counts
             * @enum {string}
             */
            clock: "connected" | "visible";
            /** @description whether each device acknowledges that it shows the bonus */
            acknowledge: boolean;
            /** @description the campaign that made this bonus, if any */
            campaign_id: string | null;
            /** @description the number of its milestone */
            milestone: number | null;
            /** @description milliseconds since the epoch */
            created_at: number;
            /** @description the name of the key that ordered it; null: none did, or that was longer ago than GET /audit goes back */
            ordered_by: string | null;
            /**
             * @description how it stands now
             * @enum {string}
             */
            state: "upcoming" | "open" | "expired" | "cancelled";
            /** @description users who have claimed the bonus */
            claimed: number;
            /** @description users who have acknowledged the bonus; deleted together with `broadcast` */
            acknowledged: number;
            /** @description how far the audience has been told; null from a day after the bonus' end */
            broadcast: components["schemas"]["Progress"] | null;
            /** @description the database's time at the response, in milliseconds since the epoch */
            server_now: number;
            /** @description null if the bonus is over already */
            estimate: components["schemas"]["Estimate"] | null;
            /** @description why the bonus may not do what it is for. It was created all the same. `window_too_short`: it expires before all of its audience has been told */
            warnings: components["schemas"]["BonusWarning"][];
        };
        Draw: {
            /**
             * Format: uuid
             * @description of the bonus that the winners are offered, and of the draw
             */
            bonus_id: string;
            /**
             * @description who the candidates are: the users present, or those who claimed a bonus
             * @enum {string}
             */
            among: "present" | "claims";
            /** @description what is watched, such as a page or a stream */
            resource: string | null;
            /** @description the bonus whose claims were drawn from */
            among_bonus_id: string | null;
            /** @description only claims so soon after the opening counted, in milliseconds; null: all did */
            within_ms: number | null;
            /** @description how many were to win */
            winners: number;
            /** @description how many could win */
            candidates: number;
            /** @description 32 random bytes in hexadecimal digits. A candidate's rank is the SHA-256 of the seed and the user's id in UTF-8; the lowest ranks win */
            seed: string;
            /** @description the SHA-256 of the ranks of all candidates in ascending order, in hexadecimal digits: publish it with the seed, and who has the list of candidates can check the draw */
            digest: string;
            /** @description milliseconds since the epoch */
            drawn_at: number;
        };
        /** @description A draw: some of the candidates win a bonus, by chance alone. */
        DrawOrder: {
            /** @description an id of your own, so that you can send the request again when its response gets lost. The same request is then answered 200 with what the first one created, another one 409 `conflict`. Without an id, here or in the header `Idempotency-Key`, each request creates something new */
            bonus_id?: string | null;
            /** @description what a user gets for claiming: any JSON object of at most 4,096 bytes as stored, nested at most 32 levels deep */
            reward: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** @description who the candidates are */
            among: components["schemas"]["Present"] | components["schemas"]["Claims"];
            /** @description how many win; if there are fewer candidates, all of them win */
            winners: number;
            /** @description how long the winners can claim the bonus */
            claim_within_seconds: number;
        };
        Erased: {
            /**
             * Format: uuid
             * @description the erasure
             */
            erasure_id: string;
            /** @description stands for the user in grants, the ledger, sessions and counts */
            pseudonym: string;
            /** @description who asked for it */
            author: string;
            /** @description whether the user's id stayed where others mention it */
            keep_mentions: boolean;
            /** @description milliseconds since the epoch */
            asked_at: number;
            /** @description milliseconds since the epoch; null while it is under way */
            done_at: number | null;
            /** @description how many rows have been changed or deleted, by table */
            counts: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** @description connections that could not be closed: their sessions are over, and what they still send is new data */
            unreachable: number;
        };
        /** @description An erasure. It does not say of which user. */
        Erasure: {
            /**
             * Format: uuid
             * @description the erasure
             */
            erasure_id: string;
            /** @description stands for the user in grants, the ledger, sessions and counts */
            pseudonym: string;
            /** @description who asked for it */
            author: string;
            /** @description whether the user's id stayed where others mention it */
            keep_mentions: boolean;
            /** @description milliseconds since the epoch */
            asked_at: number;
            /** @description milliseconds since the epoch; null while it is under way */
            done_at: number | null;
            /** @description how many rows have been changed or deleted, by table */
            counts: {
                [key: string]: components["schemas"]["JsonValue"];
            };
        };
        ErasureOrder: {
            /** @description the user's id in your system */
            user_id: string;
            /** @description who asks: a person, a program or a case of yours; kept with the time */
            author: string;
            /**
             * @description leave the user's id where it stands in events, states, rewards and news of others. Otherwise each text there that is the id becomes an empty one
             * @default false
             */
            keep_mentions?: boolean;
        };
        ErasuresPage: {
            /** @description the entries, in order */
            items: components["schemas"]["Erasure"][];
            /** @description pass it as `after` for the next page; null on the last page */
            next: string | null;
        };
        Estimate: {
            /** @description connections of the audience when the bonus was created; of many, estimated */
            connections: number;
            /** @description how many of them are told before the bonus expires, if no other broadcast is under way */
            reaches: number;
            /** @description how long it takes to tell all of them */
            takes_ms: number;
        };
        /** @description All users who are online, and those who come online before it expires. */
        Everyone: {
            /**
             * @description which kind it is (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "everyone";
        };
        FoundUser: {
            /** @description the user's id in your system */
            user_id: string;
            /** @description whether the user is online now */
            is_online: boolean;
        };
        /** @description A granted claim. `bonus_id` and `user_id` identify it: a bonus is granted to a user once. */
        Grant: {
            /** @description unique until a backup is restored */
            grant_id: number;
            /**
             * Format: uuid
             * @description the bonus
             */
            bonus_id: string;
            /** @description the user's id in your system */
            user_id: string;
            /** @description the id that the client gave its claim; unique per user */
            claim_id: string;
            /** @description what a user gets: the JSON object that you sent */
            reward: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** @description milliseconds since the epoch */
            claimed_at: number;
            /**
             * @description pending until POST /payouts says what became of it
             * @enum {string}
             */
            state: "pending" | "fulfilled" | "rejected";
            /** @description null while it is pending */
            payout: components["schemas"]["Payout"] | null;
        };
        GrantsPage: {
            /** @description the entries, in order */
            items: components["schemas"]["Grant"][];
            /** @description pass it as `after` next time. Always set: at the end of the list it leads to what is added later */
            next: string;
            /** @description whether to poll again at once */
            has_more: boolean;
        };
        Health: {
            /**
             * @description `ok`: it serves. `schema`: the database answers, and needs `make migrate`. `unavailable`: the database does not answer
             * @enum {string}
             */
            status: "ok" | "schema" | "unavailable";
            /**
             * @description whether the database answers
             * @enum {string}
             */
            database: "ok" | "does not answer";
            /**
             * @description the database's schema, compared with this code. It serves on a schema that is `newer` or has `other functions`, while a release is deployed
             * @enum {string}
             */
            migrations: "ok" | "behind" | "missing" | "newer" | "other functions" | "unknown";
        };
        JsonValue: unknown;
        Key: {
            /**
             * Format: uuid
             * @description the key
             */
            key_id: string;
            /** @description who uses the key */
            name: string;
            /** @description what the key may do */
            scopes: string[];
            /** @description milliseconds since the epoch */
            created_at: number;
            /** @description milliseconds since the epoch; null: never */
            expires_at: number | null;
            /** @description its last use, to the hour: milliseconds since the epoch; null: it was not used yet */
            used_at: number | null;
            /** @description while the key is rotated: until when the secret before is good, milliseconds since the epoch */
            old_valid_until: number | null;
            /** @description its limit; null: it has none */
            requests_per_minute: number | null;
        };
        KeyList: {
            /** @description the entries, in order */
            items: components["schemas"]["Key"][];
        };
        KeyOrder: {
            /** @description who uses it, such as `payouts`: it stands in the log beside what the key changes. Two keys may have one name, so that one can replace the other */
            name: string;
            /** @description what it may do: `tickets` mint tickets, `read` presence, reports and orders, `order` bonuses, campaigns and news, `kick` users, `pay` reads grants and records payouts, `records` corrects sessions, exports and erases a user's data, `webhooks` says which other systems are told what happens */
            scopes: ("tickets" | "read" | "order" | "kick" | "pay" | "records" | "webhooks")[];
            /** @description after so many days the key opens nothing */
            expires_in_days?: number | null;
            /** @description more in a minute are answered 429 `too_many_requests`; null: as many as the API takes of all together */
            requests_per_minute?: number | null;
        };
        KickOrder: {
            /** @description the user's id in your system */
            user_id: string;
            /** @description your words to the user, for their page to show; also in GET /audit */
            reason?: string | null;
        };
        /** @description How many connections were closed. */
        Kicked: {
            /** @description connections that were closed */
            closed: number;
            /** @description connections that were closed already */
            gone: number;
            /** @description connections that are still open: their gateway does not answer, or their handshake is under way. Send the request again */
            unreachable: number;
        };
        LedgerEntry: {
            /** @description its id: of a request, one that you choose; of an entry, its number */
            id: number;
            /**
             * @description `offered` to this user alone; `fulfilled` and `rejected` say what became of the claim
             * @enum {string}
             */
            entry: "offered" | "claimed" | "expired" | "cancelled" | "fulfilled" | "rejected";
            /**
             * Format: uuid
             * @description the bonus
             */
            bonus_id: string;
            /** @description what a user gets: the JSON object that you sent */
            reward: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** @description milliseconds since the epoch */
            at: number;
            /** @description of a payout, in words for the user */
            reason: string | null;
        };
        LedgerPage: {
            /** @description the entries, in order */
            items: components["schemas"]["LedgerEntry"][];
            /** @description pass it as `after` for the next page; null on the last page */
            next: string | null;
        };
        /** @description How many awards there are at most. Null: no limit. */
        Limits: {
            /** @description to one user */
            per_user?: number | null;
            /** @description to one user on one day, in `timezone` */
            per_day?: number | null;
            /** @description to all users together */
            in_all?: number | null;
            /** @description how long a user gets nothing after an award: up to 30 days */
            cool_down_seconds?: number | null;
        };
        /** @description These users. Order and duplicates do not matter. */
        Listed: {
            /**
             * @description which kind it is (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "users";
            /** @description the users' ids in your system */
            user_ids: string[];
        };
        ListedBonus: {
            /**
             * Format: uuid
             * @description the bonus
             */
            bonus_id: string;
            /** @description what a user gets: the JSON object that you sent */
            reward: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /**
             * @description who it is for: `everyone`, the viewers of one `resource`, or listed `users`
             * @enum {string}
             */
            audience: "everyone" | "resource" | "users";
            /** @description what is watched, such as a page or a stream */
            resource: string | null;
            /** @description milliseconds since the epoch */
            opens_at: number;
            /** @description milliseconds since the epoch */
            expires_at: number;
            /** @description how many users can claim it; null: no limit */
            stock: number | null;
            /** @description what is left of the stock; null without a stock */
            left: number | null;
            /** @description how long a user must have watched to claim, in milliseconds; null: no matter */
            min_watched_ms: number | null;
            /**
             * @description which time `min_watched_ms` counts
             * @enum {string}
             */
            clock: "connected" | "visible";
            /** @description whether each device acknowledges that it shows the bonus */
            acknowledge: boolean;
            /** @description the campaign that made this bonus, if any */
            campaign_id: string | null;
            /** @description the number of its milestone */
            milestone: number | null;
            /** @description milliseconds since the epoch */
            created_at: number;
            /** @description the name of the key that ordered it; null: none did, or that was longer ago than GET /audit goes back */
            ordered_by: string | null;
            /**
             * @description how it stands now
             * @enum {string}
             */
            state: "upcoming" | "open" | "expired" | "cancelled";
        };
        ListedQuestion: {
            /**
             * Format: uuid
             * @description the question
             */
            question_id: string;
            /** @description what is asked */
            text: string;
            /** @description what can be answered, in order: the first is 0 */
            options: string[];
            /** @description the number of the right option, the first is 0; null: none is right */
            correct: number | null;
            /** @description what a user gets: the JSON object that you sent */
            reward: {
                [key: string]: components["schemas"]["JsonValue"];
            } | null;
            /** @description how long the prize can be claimed, in milliseconds; null: there is none */
            claim_within_ms: number | null;
            /** @description of the bonus for those who were right: GET /bonuses/{bonus_id} has it once the question is closed, if there were any */
            bonus_id: string | null;
            /**
             * @description who it is for: `everyone`, the viewers of one `resource`, or listed `users`
             * @enum {string}
             */
            audience: "everyone" | "resource" | "users";
            /** @description what is watched, such as a page or a stream */
            resource: string | null;
            /** @description milliseconds since the epoch */
            opens_at: number;
            /** @description milliseconds since the epoch */
            expires_at: number;
            /** @description milliseconds since the epoch */
            created_at: number;
            /** @description when the tally became final, in milliseconds since the epoch; null before */
            closed_at: number | null;
            /** @description the name of the key that ordered it; null: none did, or that was longer ago than GET /audit goes back */
            ordered_by: string | null;
            /**
             * @description how it stands now
             * @enum {string}
             */
            state: "upcoming" | "open" | "closed" | "cancelled";
        };
        /** @description Kept as long as grants. */
        ListedReveal: {
            /**
             * Format: uuid
             * @description the reveal
             */
            reveal_id: string;
            /** @description what is revealed */
            content: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /**
             * @description who it is for: `everyone`, the viewers of one `resource`, or listed `users`
             * @enum {string}
             */
            audience: "everyone" | "resource";
            /** @description what is watched, such as a page or a stream */
            resource: string | null;
            /** @description connections of the audience when it was ordered; of many, estimated */
            connections: number;
            /** @description milliseconds since the epoch */
            reveals_at: number;
            /** @description when the key is told, in milliseconds since the epoch; from then on a user who reads what the browser receives can read the content */
            key_at: number;
            /** @description milliseconds since the epoch */
            created_at: number;
            /** @description the name of the key that ordered it; null: none did, or that was longer ago than GET /audit goes back */
            ordered_by: string | null;
            /**
             * @description how it stands now
             * @enum {string}
             */
            state: "sealed" | "revealed" | "cancelled";
        };
        Milestone: {
            /** @description the number of the milestone in its campaign */
            milestone: number;
            /** @description how long a user watches for it, in seconds */
            watched_seconds: number;
            /** @description a streak: on how many days in a row; null: it is no streak */
            days: number | null;
            /** @description whether it is reached again and again */
            repeats: boolean;
            /** @description what a user gets: the JSON object that you sent */
            reward: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** @description how long its bonus can be claimed, from when it is offered */
            claim_within_seconds: number;
            /** @description how often it was awarded, to all users */
            awarded: number;
        };
        /** @description A reward for having watched so long. */
        MilestoneOrder: {
            /** @description its number in the campaign. Null: the next one that is free. In an edit, the number tells which milestone is meant */
            milestone?: number | null;
            /** @description how long a user watches for it; of a streak, on each of its days, at most 82,800 (23 hours) */
            watched_seconds: number;
            /** @description a streak: on how many days in a row, in `timezone`. Null: all that is watched adds up */
            days?: number | null;
            /**
             * @description whether it is reached again each time after as long, or as many days more
             * @default false
             */
            repeats?: boolean;
            /** @description what a user gets for claiming: any JSON object of at most 4,096 bytes as stored, nested at most 32 levels deep */
            reward: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** @description how long its bonus can be claimed, from when it is offered: up to 30 days */
            claim_within_seconds: number;
        };
        MilestoneProgress: {
            /** @description the number of the milestone in its campaign */
            milestone: number;
            /** @description how long a user watches for it */
            watched_seconds: number;
            /** @description on how many days in a row; null: it is no streak */
            days: number | null;
            /** @description whether it is reached again and again */
            repeats: boolean;
            /** @description what a user gets: the JSON object that you sent */
            reward: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** @description how long its bonus can be claimed, from when it is offered */
            claim_within_seconds: number;
            /** @description how often the user had reached it when they were judged last */
            awarded: number;
            /** @description up to today, or up to yesterday while today is not reached; null: it is no streak */
            days_in_a_row: number | null;
        };
        NewKey: {
            /**
             * Format: uuid
             * @description the key
             */
            key_id: string;
            /** @description what to send as `Bearer`; it is shown only here */
            token: string;
        };
        NewWebhook: {
            /**
             * Format: uuid
             * @description the webhook
             */
            webhook_id: string;
            /** @description where events are posted to */
            url: string;
            /** @description which events it gets */
            types: string[];
            /** @description what is watched, such as a page or a stream */
            resource: string | null;
            /** @description milliseconds since the epoch */
            created_at: number;
            /** @description since when it is off; null: it is on */
            off_at: number | null;
            /** @description `order`: you switched it off; `gone`: it answered 410; `failing`: it took nothing for five days; `behind`: it had not had events that were deleted */
            off_by: string | null;
            /** @description until when the secret signs as well that was replaced */
            old_until: number | null;
            /** @description how many events it has taken */
            delivered: number;
            /** @description when it took the last one */
            delivered_at: number | null;
            /** @description since when it has taken nothing */
            failing_since: number | null;
            /** @description events that are sent again later */
            waiting: number;
            /** @description events that were given up: see its deliveries */
            dead: number;
            /** @description how long ago the oldest event was recorded that it has not had */
            behind_ms: number | null;
            /** @description verify events with it; it is shown only here. Null: this order came before */
            secret: string | null;
        };
        /** @description Kept until a day after `expires_at`. */
        News: {
            /**
             * Format: uuid
             * @description the news
             */
            news_id: string;
            /** @description what kind it is */
            type: string;
            /** @description any JSON object, for your front-end */
            body: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /**
             * @description who it is for: `everyone`, the viewers of one `resource`, or listed `users`
             * @enum {string}
             */
            audience: "everyone" | "resource";
            /** @description what is watched, such as a page or a stream */
            resource: string | null;
            /** @description milliseconds since the epoch */
            at: number;
            /** @description milliseconds since the epoch */
            expires_at: number;
            /** @description when it was cancelled, in milliseconds since the epoch; null: it was not */
            cancelled_at: number | null;
            /**
             * @description how it stands now
             * @enum {string}
             */
            state: "current" | "expired" | "cancelled";
            /** @description the name of the key that ordered it; null: none did, or that was longer ago than GET /audit goes back */
            ordered_by: string | null;
            /** @description how far the audience has been told */
            broadcast: components["schemas"]["Progress"];
        };
        /** @description News to broadcast. */
        NewsOrder: {
            /** @description an id of your own, so that you can send the request again when its response gets lost. The same request is then answered 200 with what the first one created, another one 409 `conflict`. Without an id, here or in the header `Idempotency-Key`, each request creates something new */
            news_id?: string | null;
            /** @description what kind of news this is, for your front-end */
            type: string;
            /** @description any JSON object nested at most 32 levels deep; with `type` at most 4,096 bytes as stored */
            body: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** @description who is told */
            audience: components["schemas"]["Everyone"] | components["schemas"]["Viewers"];
            /** @description until then, users who come online are told as well */
            expires_in_seconds: number;
        };
        NewsPage: {
            /** @description the entries, in order */
            items: components["schemas"]["News"][];
            /** @description pass it as `after` for the next page; null on the last page */
            next: string | null;
        };
        NodeCount: {
            /** @description a gateway endpoint */
            node: string;
            /** @description open connections */
            connections: number;
        };
        /** @description One user on one resource. */
        Online: {
            /** @description the user's id in your system */
            user_id: string;
            /** @description what is watched, such as a page or a stream */
            resource: string;
            /** @description milliseconds since the epoch */
            joined_at: number;
            /** @description open connections of this user to this resource */
            connections: number;
        };
        OnlineCounts: {
            /** @description users, each counted once */
            users: number;
            /** @description open connections */
            connections: number;
            /** @description the 1,000 resources with the most connections */
            resources: components["schemas"]["ResourceCount"][];
            /** @description the 1,000 nodes with the most connections */
            nodes: components["schemas"]["NodeCount"][];
            /** @description when it was counted, at most 5 seconds ago; milliseconds since the epoch */
            counted_at: number;
            /** @description how many connections a broadcast tells a second: `PushesPerSecond` */
            pushes_per_second: number;
        };
        OnlinePage: {
            /** @description users in total; null after the first page */
            users: number | null;
            /** @description connections in total; null after the first page */
            connections: number | null;
            /** @description the entries, in order */
            items: components["schemas"]["Online"][];
            /** @description pass it as `after` for the next page; null on the last page */
            next: string | null;
            /** @description the database's time at the response, in milliseconds since the epoch */
            server_now: number;
        };
        /** @description A time for which the user was there, in whole milliseconds. */
        OrderedTime: {
            /** @description the start, in milliseconds since the epoch or as RFC 3339 */
            joined_at: number | string;
            /** @description the end, in milliseconds since the epoch or as RFC 3339 */
            ended_at: number | string;
        };
        /** @description What the key of this request may do. */
        OwnKey: {
            /** @description who uses the key */
            name: string;
            /** @description the service token has all */
            scopes: string[];
        };
        /** @description What became of a grant, as it was said last. */
        Payout: {
            /** @description your id of the payout */
            payout_id: string;
            /** @description why, in words; null: none was given */
            reason: string | null;
            /** @description whether another user can claim what this one got */
            gave_back: boolean;
            /** @description the name of the key that said so */
            author: string;
            /** @description milliseconds since the epoch */
            at: number;
            /** @description 1, or more if it corrects another one */
            revision: number;
        };
        PayoutAnswer: {
            /**
             * Format: uuid
             * @description the bonus
             */
            bonus_id: string;
            /** @description the user's id in your system */
            user_id: string;
            /** @description your id of the payout */
            payout_id: string;
            /**
             * @description 201: recorded; 200: recorded before; else nothing has changed, and `code` says why
             * @enum {integer}
             */
            status: 200 | 201 | 404 | 409;
            /** @description what it is, for programs */
            code: ("not_found" | "conflict" | "already_decided" | "given_back") | null;
            /** @description what is wrong and what to do, for people */
            detail: string | null;
            /** @description whether another user can claim what this one got */
            gave_back: boolean | null;
            /** @description when it was recorded */
            at: number | null;
        };
        PayoutAnswers: {
            /** @description one for each of the request, in its order */
            items: components["schemas"]["PayoutAnswer"][];
        };
        /** @description What became of one grant. */
        PayoutOrder: {
            /**
             * Format: uuid
             * @description the bonus
             */
            bonus_id: string;
            /** @description the user's id in your system */
            user_id: string;
            /** @description an id of yours, such as that of the transfer: it makes sending it again safe. Once for each grant; one transfer may pay several */
            payout_id: string;
            /**
             * @description how it stands now
             * @enum {string}
             */
            state: "fulfilled" | "rejected";
            /** @description why, in words for the user, who reads them in their ledger */
            reason?: string | null;
            /**
             * @description with `rejected`: let another user claim what this one got, if the bonus has a stock and is still open. That is final: the payout cannot be corrected then
             * @default false
             */
            give_back?: boolean;
            /** @description the `payout_id` that GET /grants shows for this grant, if that was wrong */
            corrects?: string | null;
        };
        PayoutsOrder: {
            /** @description the entries, in order */
            items: components["schemas"]["PayoutOrder"][];
        };
        Peak: {
            /** @description users who watched at once */
            viewers: number;
            /** @description milliseconds since the epoch */
            at: number;
        };
        /** @description A user came online on a resource, or went offline there. */
        PresenceEvent: {
            /** @description the position in the log, without gaps */
            seq: number;
            /**
             * @description what kind it is
             * @enum {string}
             */
            type: "online" | "offline";
            /** @description the session */
            session_id: number;
            /** @description the user's id in your system */
            user_id: string;
            /** @description what is watched, such as a page or a stream */
            resource: string;
            /** @description milliseconds since the epoch */
            at: number;
        };
        PresenceEventsPage: {
            /** @description the entries, in order */
            items: components["schemas"]["PresenceEvent"][];
            /** @description pass it as `after` next time. Always set: at the end of the list it leads to what is added later */
            next: string;
            /** @description whether to poll again at once */
            has_more: boolean;
        };
        /** @description The users who are online at this moment, or watch this resource. */
        Present: {
            /**
             * @description which kind it is (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "present";
            /** @description only those who watch it; null: all who are online */
            resource?: string | null;
        };
        /** @description A bonus for all who were right. */
        Prize: {
            /** @description what a user gets for claiming: any JSON object of at most 4,096 bytes as stored, nested at most 32 levels deep */
            reward: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** @description how long they can claim it */
            claim_within_seconds: number;
        };
        /** @description How far a broadcast has come. It counts connections, of which a user may have several. */
        Progress: {
            /** @description connections that have been told */
            sent: number;
            /** @description connections that were closed already */
            gone: number;
            /** @description connections whose gateway did not answer in time */
            undelivered: number;
            /** @description connections that were not tried: the window was over, or it was cancelled */
            dropped: number;
            /** @description parts of the audience; 0 before the broadcast begins */
            shards: number;
            /** @description parts of the audience that are complete */
            shards_done: number;
            /** @description rounds so far; rounds 2 and 3 go to users who have not acknowledged the bonus */
            rounds: number;
            /** @description whether every round so far is complete; another round may follow */
            is_done: boolean;
            /** @description when the last round was complete, in milliseconds since the epoch */
            done_at: number | null;
        };
        Question: {
            /**
             * Format: uuid
             * @description the question
             */
            question_id: string;
            /** @description what is asked */
            text: string;
            /** @description what can be answered, in order: the first is 0 */
            options: string[];
            /** @description the number of the right option, the first is 0; null: none is right */
            correct: number | null;
            /** @description what a user gets: the JSON object that you sent */
            reward: {
                [key: string]: components["schemas"]["JsonValue"];
            } | null;
            /** @description how long the prize can be claimed, in milliseconds; null: there is none */
            claim_within_ms: number | null;
            /** @description of the bonus for those who were right: GET /bonuses/{bonus_id} has it once the question is closed, if there were any */
            bonus_id: string | null;
            /**
             * @description who it is for: `everyone`, the viewers of one `resource`, or listed `users`
             * @enum {string}
             */
            audience: "everyone" | "resource" | "users";
            /** @description what is watched, such as a page or a stream */
            resource: string | null;
            /** @description milliseconds since the epoch */
            opens_at: number;
            /** @description milliseconds since the epoch */
            expires_at: number;
            /** @description milliseconds since the epoch */
            created_at: number;
            /** @description when the tally became final, in milliseconds since the epoch; null before */
            closed_at: number | null;
            /** @description the name of the key that ordered it; null: none did, or that was longer ago than GET /audit goes back */
            ordered_by: string | null;
            /**
             * @description how it stands now
             * @enum {string}
             */
            state: "upcoming" | "open" | "closed" | "cancelled";
            /** @description how many users chose each option so far; each user counts once. Final when `closed_at` is set */
            tally: number[];
            /** @description how far the audience has been asked; null before it opens, and from a day after its end */
            broadcast: components["schemas"]["Progress"] | null;
            /** @description how far the audience has been told the tally; null before it is closed, and from a day after that */
            result_broadcast: components["schemas"]["Progress"] | null;
            /** @description the database's time at the response, in milliseconds since the epoch */
            server_now: number;
        };
        /** @description A question to ask. */
        QuestionOrder: {
            /** @description an id of your own, so that you can send the request again when its response gets lost. The same request is then answered 200 with what the first one created, another one 409 `conflict`. Without an id, here or in the header `Idempotency-Key`, each request creates something new */
            question_id?: string | null;
            /** @description what is asked */
            text: string;
            /** @description what can be answered, each of at most 100 characters; answers name them by their numbers, the first is 0. Text and options together have at most 3,500 bytes */
            options: string[];
            /** @description the number of the right option; it is told with the tally, not before. null: none is right */
            correct?: number | null;
            /** @description a bonus for all who were right; it takes `correct` */
            prize?: components["schemas"]["Prize"] | null;
            /** @description who is asked and may answer */
            audience: components["schemas"]["Everyone"] | components["schemas"]["Viewers"] | components["schemas"]["Listed"];
            /**
             * @description when it is asked, from now by the database's clock
             * @default 0
             */
            opens_in_seconds?: number;
            /** @description instead of `opens_in_seconds`: when it is asked, in milliseconds since the epoch or as RFC 3339. May be in the past as long as the window has not ended */
            opens_at?: number | string | null;
            /** @description how long it can be answered */
            window_seconds: number;
        };
        QuestionsPage: {
            /** @description the entries, in order */
            items: components["schemas"]["ListedQuestion"][];
            /** @description pass it as `after` for the next page; null on the last page */
            next: string | null;
        };
        ReplayOrder: {
            /** @description send again what was recorded since then: milliseconds since the epoch, or RFC 3339 */
            begins_at: number | string;
        };
        ResourceCount: {
            /** @description what is watched, such as a page or a stream */
            resource: string;
            /** @description users, each counted once */
            users: number;
            /** @description open connections */
            connections: number;
        };
        Reveal: {
            /**
             * Format: uuid
             * @description the reveal
             */
            reveal_id: string;
            /** @description what is revealed */
            content: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /**
             * @description who it is for: `everyone`, the viewers of one `resource`, or listed `users`
             * @enum {string}
             */
            audience: "everyone" | "resource";
            /** @description what is watched, such as a page or a stream */
            resource: string | null;
            /** @description connections of the audience when it was ordered; of many, estimated */
            connections: number;
            /** @description milliseconds since the epoch */
            reveals_at: number;
            /** @description when the key is told, in milliseconds since the epoch; from then on a user who reads what the browser receives can read the content */
            key_at: number;
            /** @description milliseconds since the epoch */
            created_at: number;
            /** @description the name of the key that ordered it; null: none did, or that was longer ago than GET /audit goes back */
            ordered_by: string | null;
            /**
             * @description how it stands now
             * @enum {string}
             */
            state: "sealed" | "revealed" | "cancelled";
            /** @description how far the audience has the sealed content; null from a day after its end */
            broadcast: components["schemas"]["Progress"] | null;
            /** @description how far it has the key; null before `key_at`, and from a day after its end */
            key_broadcast: components["schemas"]["Progress"] | null;
            /** @description the database's time at the response, in milliseconds since the epoch */
            server_now: number;
        };
        /** @description Something to reveal at one instant. */
        RevealOrder: {
            /** @description an id of your own, so that you can send the request again when its response gets lost. The same request is then answered 200 with what the first one created, another one 409 `conflict`. Without an id, here or in the header `Idempotency-Key`, each request creates something new */
            reveal_id?: string | null;
            /** @description what is revealed: any JSON object of at most 2,048 bytes, nested at most 32 levels deep */
            content: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** @description who it is revealed to */
            audience: components["schemas"]["Everyone"] | components["schemas"]["Viewers"];
            /** @description the instant, from now by the database's clock */
            reveals_in_seconds?: number | null;
            /** @description instead of `reveals_in_seconds`: the instant, in milliseconds since the epoch or as RFC 3339 */
            reveals_at?: number | string | null;
        };
        RevealsPage: {
            /** @description the entries, in order */
            items: components["schemas"]["ListedReveal"][];
            /** @description pass it as `after` for the next page; null on the last page */
            next: string | null;
        };
        RotateOrder: {
            /** @description for how long the secret that the program has stays good; 0: it leaked */
            old_valid_seconds: number;
        };
        SecretOrder: {
            /** @description the secret that signs, `whsec_` and 24 to 64 random bytes in base64; without it, one is made */
            secret?: string | null;
        };
        /** @description A stay of one user on one resource, over all their connections to it, or a part of one. */
        Session: {
            /** @description the session */
            session_id: number;
            /** @description the user's id in your system */
            user_id: string;
            /** @description what is watched, such as a page or a stream */
            resource: string;
            /** @description milliseconds since the epoch */
            joined_at: number;
            /** @description milliseconds since the epoch; null while the session is open */
            ended_at: number | null;
            /** @description how the session ended: `client` closed it, its line was `lost`, `idle` and `expired` are the gateway's time limits, `swept` and `node_evicted` were found dead, `kicked` was closed by the API, `moved` went to another resource; `divided` is no end: the session goes on in its next part. Null while the session is open */
            ended_by: string | null;
            /** @description how exact `ended_at` is: the true end is at most this much later */
            ended_within_ms: number | null;
            /** @description when the part before this one ended: an outage that was longer than the grace divides a session into items with the same `session_id`, and so does a client that is hidden and shown often (`ended_by` is `divided`, and no time is between). Milliseconds since the epoch; null for its first part */
            away_since: number | null;
            /** @description which correction of the session made this item: 1 for the first; 0: as it was recorded */
            revision: number;
            /** @description the revision that replaced this item, with `corrections=ignored`; null: it is in force */
            replaced_by: number | null;
            /** @description watch time of the session within the requested interval, in milliseconds */
            watched_ms: number;
        };
        SessionsPage: {
            /** @description the requested user; null for all users */
            user_id: string | null;
            /** @description whether this user is online; null for all users */
            online: boolean | null;
            /** @description for how long this user has watched anything up to now, in milliseconds: a moment on several resources counts once; null for all users */
            watched_ms: number | null;
            /** @description the entries, in order */
            items: components["schemas"]["Session"][];
            /** @description pass it as `after` for the next page; null on the last page */
            next: string | null;
            /** @description the database's time at the response, in milliseconds since the epoch */
            server_now: number;
        };
        /** @description An event of the type `webhook.test`, which is on its way. */
        TestEvent: {
            /**
             * Format: uuid
             * @description the event
             */
            event_id: string;
        };
        /** @description A ticket opens one connection, once. */
        Ticket: {
            /** @description a signed token (JWT) */
            ticket: string;
            /** @description where to connect: `{url}?ticket={ticket}`, before it expires */
            url: string;
            /** @description milliseconds since the epoch */
            expires_at: number;
        };
        /** @description The user of the ticket, and what its connection may do. */
        TicketOrder: {
            /** @description the user's id in your system */
            user_id: string;
            /**
             * @description what the user watches first, such as a page or a stream
             * @default site
             */
            resource?: string;
            /** @description a label for this connection in GET /connections, such as "phone" */
            device?: string | null;
            /**
             * @description further resources that this connection may move to with a `watch` message; "*" allows every resource. What a user watches decides which minutes and which bonuses count, so the default allows none
             * @default []
             */
            may_watch?: "*" | string[];
            /**
             * @description whether the user's page may show by name who watches what it watches: the `user_id`s of up to 50 users. The default shows numbers only
             * @default false
             */
            may_list?: boolean;
        };
        /** @description A time for which the user was there. */
        Time: {
            /** @description milliseconds since the epoch */
            joined_at: number;
            /** @description milliseconds since the epoch */
            ended_at: number;
        };
        UnreachableNode: {
            /** @description the gateway endpoint */
            node: string;
            /** @description milliseconds since the epoch */
            since: number;
        };
        /** @description Some of the rows that are stored of a user, of one table. */
        UserDataPage: {
            /** @description the user's id in your system */
            user_id: string;
            /** @description the table that the rows are of */
            table: string;
            /** @description as the table has them; may be empty before the last page */
            rows: {
                [key: string]: unknown;
            }[];
            /** @description pass it as `after` for the next page; null on the last page */
            next: string | null;
        };
        UserEvent: {
            /** @description 1, 2, 3, … per user, without gaps */
            seq: number;
            /** @description what kind it is */
            type: string;
            /** @description any JSON object, for your front-end */
            body: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** @description what it changed in the user's state, as a JSON merge patch (RFC 7396) */
            patch: {
                [key: string]: unknown;
            } | null;
            /** @description milliseconds since the epoch */
            at: number;
        };
        UserEventsPage: {
            /** @description the entries, in order */
            items: components["schemas"]["UserEvent"][];
            /** @description pass it as `after` for the next page; null on the last page */
            next: string | null;
        };
        UsersPage: {
            /** @description the entries, in order */
            items: components["schemas"]["FoundUser"][];
            /** @description pass it as `after` for the next page; null on the last page */
            next: string | null;
        };
        /** @description The users who watch this resource. */
        Viewers: {
            /**
             * @description which kind it is (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "resource";
            /** @description what is watched, such as a page or a stream */
            resource: string;
        };
        /** @description One row of the report: the keys that `by` names, the others null. */
        WatchTime: {
            /** @description when the day or hour begins, in milliseconds since the epoch; null unless `by` names one */
            starts_at: number | null;
            /** @description null unless `by` names `user` */
            user_id: string | null;
            /** @description null unless `by` names `resource` */
            resource: string | null;
            /** @description sessions that overlap this row's time */
            sessions: number;
            /** @description watch time in milliseconds; open sessions count up to now */
            watched_ms: number;
            /** @description how exact `watched_ms` is: the true watch time is at most this much more */
            uncertain_ms: number;
        };
        WatchTimePage: {
            /** @description the entries, in order */
            items: components["schemas"]["WatchTime"][];
            /** @description pass it as `after` for the next page; null on the last page */
            next: string | null;
        };
        Webhook: {
            /**
             * Format: uuid
             * @description the webhook
             */
            webhook_id: string;
            /** @description where events are posted to */
            url: string;
            /** @description which events it gets */
            types: string[];
            /** @description what is watched, such as a page or a stream */
            resource: string | null;
            /** @description milliseconds since the epoch */
            created_at: number;
            /** @description since when it is off; null: it is on */
            off_at: number | null;
            /** @description `order`: you switched it off; `gone`: it answered 410; `failing`: it took nothing for five days; `behind`: it had not had events that were deleted */
            off_by: string | null;
            /** @description until when the secret signs as well that was replaced */
            old_until: number | null;
            /** @description how many events it has taken */
            delivered: number;
            /** @description when it took the last one */
            delivered_at: number | null;
            /** @description since when it has taken nothing */
            failing_since: number | null;
            /** @description events that are sent again later */
            waiting: number;
            /** @description events that were given up: see its deliveries */
            dead: number;
            /** @description how long ago the oldest event was recorded that it has not had */
            behind_ms: number | null;
        };
        WebhookDeliveriesPage: {
            /** @description the entries, in order */
            items: components["schemas"]["WebhookDelivery"][];
            /** @description pass it as `after` for the next page; null on the last page */
            next: string | null;
        };
        /** @description An event that was not taken at the first attempt, or a test. */
        WebhookDelivery: {
            /**
             * Format: uuid
             * @description the event
             */
            event_id: string;
            /** @description what kind it is */
            type: string;
            /** @description the user's id in your system */
            user_id: string | null;
            /** @description milliseconds since the epoch */
            at: number;
            /**
             * @description how it stands now
             * @enum {string}
             */
            state: "waiting" | "delivered" | "dead";
            /** @description how often it was sent */
            attempts: number;
            /** @description when it was sent first */
            first_at: number;
            /** @description when it was sent last */
            last_at: number;
            /** @description when it is sent again; null: behind another event of its user */
            due_at: number | null;
            /** @description of the last answer; null: there was none */
            status: number | null;
            /** @description what was wrong with the last attempt: `status`, `redirect`, `gone`, `timeout`, `unreachable`, `unresolved`, `certificate`, `forbidden_address`, `forbidden_url`; null: nothing */
            error: string | null;
        };
        /** @description How a webhook is from now on. */
        WebhookEdit: {
            /** @description where events are posted to: `https`, at a public address, of at most 2,048 characters */
            url: string;
            /** @description which events it gets: see the reference of webhooks */
            types: ("user.online" | "user.offline" | "user.kicked" | "connection.opened" | "connection.closed" | "bonus.opened" | "bonus.claimed" | "bonus.granted" | "bonus.fulfilled" | "bonus.rejected" | "campaign.milestone")[];
            /** @description only events about this resource; null: about any, and about none */
            resource?: string | null;
            /** @description false: nothing is sent, and what happens is kept for seven days */
            is_on: boolean;
        };
        WebhookList: {
            /** @description the entries, in order */
            items: components["schemas"]["Webhook"][];
        };
        WebhookOrder: {
            /** @description an id of your own, so that you can send the request again when its response gets lost. The same request is then answered 200 with what the first one created, another one 409 `conflict`. Without an id, here or in the header `Idempotency-Key`, each request creates something new */
            webhook_id?: string | null;
            /** @description where events are posted to: `https`, at a public address, of at most 2,048 characters */
            url: string;
            /** @description which events it gets: see the reference of webhooks */
            types: ("user.online" | "user.offline" | "user.kicked" | "connection.opened" | "connection.closed" | "bonus.opened" | "bonus.claimed" | "bonus.granted" | "bonus.fulfilled" | "bonus.rejected" | "campaign.milestone")[];
            /** @description only events about this resource; null: about any, and about none */
            resource?: string | null;
            /** @description the secret that signs, `whsec_` and 24 to 64 random bytes in base64; without it, one is made */
            secret?: string | null;
        };
        Work: {
            /** @description when the sweep last began a cycle, in milliseconds since the epoch; null: none */
            swept_at: number | null;
            /** @description when the oldest presence event was due that waits; null: none waits */
            presence_events_since: number | null;
            /** @description when the oldest bonus or news was ordered that is not yet in the queue; null: none waits */
            broadcasts_since: number | null;
            /** @description up to when quarter hours are summed up for reports; null: none is */
            rolled_up_to: number | null;
            /** @description gateway endpoints that could not be reached when they were last asked: their connections are suspect */
            unreachable_nodes: components["schemas"]["UnreachableNode"][];
            /** @description what failed within the last hour, the latest first: of the newest broadcasts and the newest deliveries of each webhook. What functions count of themselves are metrics */
            errors: components["schemas"]["WorkError"][];
            /** @description the database's time at the response, in milliseconds since the epoch */
            server_now: number;
        };
        /** @description What failed in one way. */
        WorkError: {
            /**
             * @description what failed
             * @enum {string}
             */
            source: "broadcasts" | "webhooks";
            /** @description of broadcasts: `undelivered` or `dropped`, as in their progress; of webhooks: `error`, as in their deliveries */
            code: string;
            /** @description connections that were not told, or deliveries that failed so */
            count: number;
            /** @description when that happened last */
            last_at: number;
        };
        /** @description What is wrong with one field. */
        FieldError: {
            /** @description the kind of error, such as `missing` or `string_too_long` */
            type: string;
            /** @description where the field is: `body` or `query`, then the names that lead to it */
            loc: (string | number)[];
            /** @description what is wrong */
            msg: string;
        };
        /**
         * @description Why a request was refused (RFC 9457). A refused request has changed nothing, unless its code
         *     is `unavailable` or `internal_error`.
         */
        Problem: {
            /** @description a URI for the kind of problem, one for each `code`: what it leads to on this host explains it */
            type: string;
            /** @description the kind of problem in short, the same each time */
            title: string;
            /** @description the status of the response */
            status: number;
            /** @description what is wrong and what to do, for people */
            detail: string;
            /** @description the kind of problem, for programs */
            code: string;
            /**
             * @description with 422 `bad_request`: each field and parameter that is wrong
             * @default []
             */
            fields?: components["schemas"]["FieldError"][];
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
