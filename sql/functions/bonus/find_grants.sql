-- Grants after a position that meet all conditions which are given (null: none), in the order of the query `grants`: at
-- most p_limit. Of those that meet the conditions on bonus and user it looks at 5,000 at most, and is_cut says that there
-- may be more. Where fewer than p_limit match, the last that it looked at is the last row, so that a reader gets on.
--   p_state  pending, fulfilled or rejected, as it is now
create or replace function find_grants(
    p_after_xid bigint, p_after_grant_id bigint, p_bonus_id uuid, p_campaign_id uuid, p_user_id text, p_state text,
    p_begins timestamptz, p_ends timestamptz, p_limit integer
) returns table (
    epoch text, xid bigint, grant_id bigint, bonus_id uuid, user_id text, claim_id text, reward jsonb,
    claimed_at bigint, state text, payout json, is_match boolean, is_cut boolean
) language plpgsql as $$
#variable_conflict use_column
declare
    c_most constant integer := 5000;
    v_xmin bigint := pg_snapshot_xmin(pg_current_snapshot())::text;
    v_grants refcursor;
    v_grant claims;
    v_payout payouts;
    v_looked integer := 0;
    v_found integer := 0;
begin
    perform prefer_indexes();
    if p_bonus_id is not null then
        open v_grants for
            select c.* from claims c
             where c.bonus_id = p_bonus_id and (p_user_id is null or c.user_id = p_user_id)
               and (c.xid, c.grant_id) > (p_after_xid, p_after_grant_id) and c.xid < v_xmin
             order by c.xid, c.grant_id;
    elsif p_user_id is not null then
        -- Bonus by bonus: an index that leads from a user to their grants would cost each claim something.
        open v_grants for
            select c.* from bonuses b cross join lateral (
                   select * from claims g where g.bonus_id = b.bonus_id and g.user_id = p_user_id limit 1) as c
             where (c.xid, c.grant_id) > (p_after_xid, p_after_grant_id) and c.xid < v_xmin
             order by c.xid, c.grant_id;
    else
        open v_grants for
            select c.* from claims c
             where (c.xid, c.grant_id) > (p_after_xid, p_after_grant_id) and c.xid < v_xmin
             order by c.xid, c.grant_id;
    end if;
    select e.epoch::text into epoch from stream_epoch e;
    is_match := true;
    while v_found < p_limit and v_looked < c_most loop
        fetch v_grants into v_grant;
        exit when not found;
        v_looked := v_looked + 1;
        select * into v_payout from payouts p
         where p.bonus_id = v_grant.bonus_id and p.user_id = v_grant.user_id order by p.revision desc limit 1;
        xid := v_grant.xid;
        grant_id := v_grant.grant_id;
        bonus_id := v_grant.bonus_id;
        user_id := v_grant.user_id;
        claim_id := v_grant.claim_id;
        claimed_at := ms(v_grant.claimed_at);
        state := state_of(v_payout);
        is_match := (p_state is null or state = p_state)
                    and v_grant.claimed_at >= p_begins and v_grant.claimed_at < p_ends
                    and (p_campaign_id is null or exists (
                        select from bonuses b where b.bonus_id = v_grant.bonus_id and b.rule_id = p_campaign_id));
        is_cut := v_looked = c_most;
        if is_match then
            v_found := v_found + 1;
            payout := payout_json(v_payout);
            select b.reward into reward from bonuses b where b.bonus_id = v_grant.bonus_id;
            return next;
        end if;
    end loop;
    close v_grants;
    if not is_match then
        return next;
    end if;
end $$;
