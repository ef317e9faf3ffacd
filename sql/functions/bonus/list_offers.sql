-- All bonuses that are for a user and neither over by time nor cancelled, the first to expire first: at most 20 after
-- p_after, the `next` of the page before (null: from the start). A page reads on where the last one ended, whatever a bonus
-- has become meanwhile, so none is missed and none comes twice. Returns one row; outcome listed, slow_down or
-- kept_out (see `spend`); next: null after the last page.
create or replace function list_offers(
    p_user_id text, p_after text default null,
    p_gap interval default '0', p_burst integer default 1, p_keep_out interval default '1 minute',
    p_now timestamptz default null,
    out outcome text, out wait_ms integer, out server_now bigint, out bonuses json, out next text
) language plpgsql as $$
declare
    c_limit constant integer := 20;
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    -- Microseconds and an id.
    v_after timestamptz := to_timestamp(0) + split_part(p_after, '.', 1)::bigint * interval '1 microsecond';
    v_after_id uuid := nullif(split_part(p_after, '.', 2), '');
begin
    wait_ms := spend(p_user_id, p_gap, p_burst, p_keep_out, v_now);
    server_now := ms(v_now);
    if wait_ms <> 0 then
        outcome := outcome_of(wait_ms);
        return;
    end if;
    if v_after is null or v_after < v_now then
        v_after := v_now;
        v_after_id := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
    end if;
    outcome := 'listed';
    with page as (
        select o.bonus, o.state, o.outcome, o.progress, o.sort_at, o.bonus_id, row_number() over (order by o.sort_at, o.bonus_id) as n
          from offers_after(p_user_id, null, v_after, v_after_id, v_now) as o
         order by o.sort_at, o.bonus_id limit c_limit + 1
    )
    select coalesce(json_agg(bonus_json(p.bonus, shown_outcome(p.state, p.outcome), p.progress) order by n)
                        filter (where n <= c_limit), '[]'),
           (select (extract(epoch from l.sort_at) * 1000000)::bigint || '.' || l.bonus_id
              from page l where n = c_limit and exists (select from page where n > c_limit))
      into bonuses, next from page p;
    perform charge(p_user_id, p_gap, cost_of(1, octet_length(bonuses::text)));
end $$;
