-- Where the ids of users are: each table, how a user's rows in it are found, and what an erasure makes of them,
-- in its order. An export has the rows that have the id as their user_id, `finds` null. A test compares this with
-- the catalogue, and docs/reference/personal-data.md with this.
--   keys      in which order a table is read, a part at a time. None: all at once, for it has few rows
--   found_by  user   an index leads from the user to their rows
--             bonus, question  their rows are looked for bonus by bonus, or question by question
--             all    no index leads to them: every row is read
--   finds     the condition that a row is to be changed; $1 is the user's id. Null: the row has it as user_id
--   sets      what it is changed to; $2 is the pseudonym. Null: the row is deleted
-- Sessions come first, for `end_sessions` makes them rows of the tables that follow; an outbox comes before the
-- log that it is written to, and most events go before their stream, for which `erase_stream` has the rest.
create or replace function user_tables() returns table (
    step integer, name text, keys text[], found_by text, finds text, sets text
) language sql immutable rows 20 as $$
    select row_number() over ()::integer, one.* from (values
        ('watching_times', '{}'::text[], 'user', null::text, 'user_id = $2'),
        ('past_sessions', '{ended_at, id, revision}', 'user', null, 'user_id = $2'),
        ('watch_totals', '{resource}', 'user', null, 'user_id = $2'),
        ('presence_outbox', '{}', 'all', null, 'user_id = $2'),
        ('presence_events', '{seq}', 'all', null, 'user_id = $2'),
        ('webhook_outbox', '{id}', 'all', null, 'user_id = $2'),
        ('webhook_events', '{seq}', 'all', null, 'user_id = $2'),
        ('user_events', '{seq}', 'user', null, null),
        ('user_streams', '{}', 'user', null, null),
        ('user_limits', '{}', 'user', null, null),
        ('campaign_progress', '{campaign_id}', 'user', null, null),
        -- Empty: these are of the release before.
        ('award_progress', '{rule_id}', 'user', null, null),
        ('awards', '{rule_id}', 'user', null, null),
        -- The digest of an order could be compared with that of a guess.
        ('bonuses', '{}', 'all',
         'fingerprint is not null and bonus_id in (select bonus_id from offers where user_id = $1)',
         'fingerprint = null'),
        -- As told, so that no stream of the pseudonym begins.
        ('offers', '{expires_at, bonus_id}', 'user', null, 'user_id = $2, seq = coalesce(seq, 0)'),
        -- The client has chosen the claim's id.
        ('claims', '{bonus_id}', 'bonus', null,
         'user_id = $2, claim_id = case when strpos(claim_id, $1) = 0 then claim_id
                                        else gen_random_uuid()::text end'),
        -- After the claims: none is written of a grant that the user has no more.
        ('payouts', '{bonus_id, revision}', 'user', null,
         'user_id = $2, reason = replace(reason, $1, ''*''),
          payout_id = case when strpos(payout_id, $1) = 0 then payout_id else gen_random_uuid()::text end'),
        ('acks', '{bonus_id}', 'bonus', null, 'user_id = $2'),
        -- The rank is a digest of the id, and could be compared with that of a guess.
        ('draw_candidates', '{bonus_id}', 'user', null, null),
        -- The digest of an order, as above. Who is gone is asked no more.
        ('questions', '{}', 'all',
         'fingerprint is not null and question_id in (select question_id from question_users where user_id = $1)',
         'fingerprint = null'),
        ('question_users', '{question_id}', 'question', null, null),
        ('answers', '{question_id}', 'question', null, 'user_id = $2'),
        ('ledger', '{id}', 'user', null, 'user_id = $2'),
        ('broadcast_shards', '{}', 'all', '$1 in (after_user_id, reading_user_id, until_user_id)',
         '(after_user_id, after_resource) = (select * from place_without($1, after_user_id, after_resource)),
          (reading_user_id, reading_resource) = (select * from place_without($1, reading_user_id, reading_resource)),
          (until_user_id, until_resource) = (select * from place_without($1, until_user_id, until_resource))'),
        -- Without a place before it, the cycle begins again.
        ('sweep_cursor', '{}', 'all', '$1 = user_id',
         '(user_id, resource) = (select * from place_without($1, user_id, resource))'),
        ('sweep_pages', '{}', 'all', '$1 in (after_user_id, until_user_id)',
         '(after_user_id, after_resource) = (select * from place_without($1, after_user_id, after_resource)),
          (until_user_id, until_resource) = (select * from place_without($1, until_user_id, until_resource))'),
        ('user_streams', '{user_id}', 'all', 'mentions(state, $1)', 'state = without_mentions(state, $1)'),
        ('user_events', '{user_id, seq}', 'all', '(mentions(body, $1) or mentions(patch, $1))',
         'body = without_mentions(body, $1), patch = without_mentions(patch, $1)'),
        ('bonuses', '{bonus_id}', 'all', 'mentions(reward, $1)', 'reward = without_mentions(reward, $1)'),
        -- Sealed is what it was: without the key it cannot be read.
        ('reveals', '{reveal_id}', 'all', 'mentions(content, $1)',
         'content = without_mentions(content, $1), key = '''''),
        ('questions', '{question_id}', 'all', 'mentions(jsonb_build_array(reward, text, options), $1)',
         'reward = without_mentions(reward, $1), text = case text when $1 then ''*'' else text end,
          options = array_replace(options, $1, ''*'')'),
        ('campaign_milestones', '{campaign_id, milestone}', 'all', 'mentions(reward, $1)',
         'reward = without_mentions(reward, $1)'),
        ('campaigns', '{campaign_id}', 'all', '$1 = any (test_user_ids)',
         'test_user_ids = array_replace(test_user_ids, $1, $2), fingerprint = null'),
        ('award_rules', '{rule_id}', 'all', 'mentions(reward, $1)', 'reward = without_mentions(reward, $1)'),
        ('broadcasts', '{broadcast_id}', 'all', 'mentions(news, $1)', 'news = without_mentions(news, $1)'),
        ('payouts', '{bonus_id, user_id, revision}', 'all', 'mentions(to_jsonb(reason), $1)', 'reason = ''*'''),
        -- Orders about the user: kicks, this erasure, and corrections, which come next.
        ('audit', '{id}', 'all',
         '(subject = $1 or subject in (select correction_id::text from corrections where user_id = $1))',
         'subject = case subject when $1 then $2 else subject end, reason = replace(reason, $1, ''*'')'),
        ('corrections', '{at, correction_id}', 'user', null,
         'user_id = $2, reason = replace(reason, $1, ''*''), author = replace(author, $1, ''*''), fingerprint = null'),
        ('corrections', '{correction_id}', 'all', 'mentions(jsonb_build_array(reason, author), $1)',
         'reason = case reason when $1 then ''*'' else reason end,
          author = case author when $1 then ''*'' else author end')
    ) as one
$$;
