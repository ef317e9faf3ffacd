-- Tell webhooks what has happened, if one of them wants to know: p_user_id, p_resource null: it is about none. Of one user in the
-- order of the calls, if their caller holds the user's lock.
create or replace function tell_webhooks(
    p_type text, p_user_id text, p_resource text, p_at timestamptz, p_data jsonb
) returns void language sql volatile as $$
    insert into webhook_outbox (type, user_id, resource, at, data)
        select p_type, p_user_id, p_resource, p_at, p_data where is_wanted(p_type, p_resource)
$$;

-- Tell them when a bonus opens, if one of them wants to know that of any bonus: a webhook may be changed until then. A webhook that
-- is made meanwhile waits for the end of the transaction, and then sees the bonus: see `follow_sources`.
create or replace function tell_opening(p_bonus bonuses) returns void language sql volatile as $$
    select pg_advisory_xact_lock_shared(hashtextextended('webhooks', 5));
    insert into webhook_outbox (due_at, type, resource, at, data)
        select p_bonus.opens_at, 'bonus.opened', p_bonus.resource, p_bonus.opens_at, opening_json(p_bonus)
         where exists (select from webhooks w where 'bonus.opened' = any (w.types))
$$;

-- What the opening of a bonus says of it. Its reward is added when it is sent.
create or replace function opening_json(p_bonus bonuses) returns jsonb language sql stable as $$
    select jsonb_strip_nulls(jsonb_build_object(
        'bonus_id', p_bonus.bonus_id, 'audience', p_bonus.audience, 'opens_at', ms(p_bonus.opens_at),
        'expires_at', ms(p_bonus.expires_at), 'stock', p_bonus.stock, 'campaign_id', p_bonus.rule_id,
        'milestone', p_bonus.milestone))
$$;

-- Tell them that a connection of a session was opened or closed (p_change), and what ended it.
create or replace function tell_connection(
    p_change text, p_session watching_times, p_connection_id text, p_at timestamptz, p_ended_by ending default null
) returns void language sql volatile as $$
    select tell_webhooks(
        'connection.' || p_change, p_session.user_id, p_session.resource, p_at, jsonb_strip_nulls(jsonb_build_object(
            'session_id', p_session.id, 'connection_id', p_connection_id, 'ended_by', p_ended_by)))
$$;
