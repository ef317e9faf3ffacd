-- Record what has happened since the last call and a webhook wants, from where it was written with the fact itself: the outbox,
-- presence events and grants, at most p_limit of each. Returns how many; is_behind: there may be more; webhooks: how many there
-- are, and without one it writes nothing.
-- One at a time: a caller that finds the log held returns at once.
create or replace function collect_webhook_events(
    p_limit integer, p_now timestamptz default null, out collected bigint, out is_behind boolean, out webhooks bigint
) language plpgsql as $$
declare
    v_log webhook_log;
    v_old webhook_log;
    v_now timestamptz;
    v_page record;
begin
    select 0, false, count(*) into collected, is_behind, webhooks from webhooks w;
    if webhooks = 0 then
        return;
    end if;
    perform prefer_indexes();
    select * into v_old from webhook_log for update skip locked;
    if not found then
        return;
    end if;
    v_log := v_old;
    v_now := coalesce(p_now, clock_timestamp());

    with page as materialized (
        delete from webhook_outbox where id = any (array(
            select o.id from webhook_outbox o where o.due_at <= v_now order by o.id limit p_limit))
        returning *
    ),
    made as (
        insert into webhook_events (seq, event_id, type, user_id, resource, at, recorded_at, data)
            select v_log.last_seq + row_number() over (order by p.id), p.event_id, p.type, p.user_id, p.resource, p.at, v_now,
                   p.data
              from page p where is_wanted(p.type, p.resource) and (p.type <> 'bonus.opened' or has_opened(p.data))
        returning 1
    )
    select count(*) as rows, (select count(*) from made) as made into v_page from page p;
    v_log.last_seq := v_log.last_seq + v_page.made;
    is_behind := v_page.rows = p_limit;

    with page as materialized (
        select p.* from presence_events p where p.seq > v_log.presence_seq order by p.seq limit p_limit
    ),
    made as (
        insert into webhook_events (seq, event_id, type, user_id, resource, at, recorded_at, data)
            select v_log.last_seq + row_number() over (order by p.seq),
                   md5(format('%s %s %s', p.type, p.session_id, ms(p.at)))::uuid, 'user.' || p.type, p.user_id,
                   p.resource, p.at, v_now, jsonb_build_object('session_id', p.session_id)
              from page p where is_wanted('user.' || p.type, p.resource)
        returning 1
    )
    select count(*) as rows, (select count(*) from made) as made, max(p.seq) as seq into v_page from page p;
    v_log.presence_seq := coalesce(v_page.seq, v_log.presence_seq);
    v_log.last_seq := v_log.last_seq + v_page.made;
    is_behind := is_behind or v_page.rows = p_limit;

    -- In a database that was copied from another cluster, the grants that were read before come first: see `notice_restore`. Some
    -- are read again, for their ids are nearly, and not quite, in the order of commits; an event keeps its id.
    if v_log.grant_xid >= next_xid() then
        v_log.grant_xid := 0;
        v_log.grant_id := v_log.grant_id - 10000;
    end if;
    with page as materialized (
        select c.xid, c.grant_id, c.bonus_id, c.user_id, c.claimed_at,
               (select b.resource from bonuses b where b.bonus_id = c.bonus_id) as resource,
               (select b.opens_at from bonuses b where b.bonus_id = c.bonus_id) as opens_at
          from claims c
         where (c.xid, c.grant_id) > (v_log.grant_xid, v_log.grant_id)
           and c.xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
         order by c.xid, c.grant_id limit p_limit
    ),
    made as (
        insert into webhook_events (seq, event_id, type, user_id, resource, at, recorded_at, data)
            -- A claim and its grant are one fact, and two events: the claim is the first.
            select v_log.last_seq + row_number() over (order by p.xid, p.grant_id, t.type),
                   md5(format('%s %s %s', t.type, p.bonus_id, p.grant_id))::uuid, 'bonus.' || t.type, p.user_id,
                   p.resource, p.claimed_at, v_now, jsonb_build_object('bonus_id', p.bonus_id, 'grant_id', p.grant_id) || t.more
              from page p,
                   lateral (values ('claimed', jsonb_build_object('after_ms', ms(p.claimed_at) - ms(p.opens_at))),
                                   ('granted', '{}')) as t (type, more)
             where is_wanted('bonus.' || t.type, p.resource)
        returning 1
    )
    select count(*) as rows, (select count(*) from made) as made,
           (array_agg(p.xid order by p.xid desc, p.grant_id desc))[1] as xid,
           (array_agg(p.grant_id order by p.xid desc, p.grant_id desc))[1] as grant_id
      into v_page from page p;
    v_log.grant_xid := coalesce(v_page.xid, v_log.grant_xid);
    v_log.grant_id := coalesce(v_page.grant_id, v_log.grant_id);
    v_log.last_seq := v_log.last_seq + v_page.made;
    is_behind := is_behind or v_page.rows = p_limit;

    collected := v_log.last_seq - v_old.last_seq;
    if v_log is distinct from v_old then
        update webhook_log
           set last_seq = v_log.last_seq, presence_seq = v_log.presence_seq, grant_xid = v_log.grant_xid,
               grant_id = v_log.grant_id;
    end if;
end $$;

-- Whether the bonus of an opening has opened: false, if it was cancelled before.
create or replace function has_opened(p_data jsonb) returns boolean language sql stable as $$
    select coalesce((select b.cancelled_at > b.opens_at from bonuses b
                      where b.bonus_id = (p_data ->> 'bonus_id')::uuid and b.cancelled_at is not null), true)
$$;

-- Whether a webhook wants events of this type about this resource (null: about none).
create or replace function is_wanted(p_type text, p_resource text) returns boolean language sql stable as $$
    select exists (select from webhooks w
                    where p_type = any (w.types) and (w.resource is null or w.resource = p_resource))
$$;
