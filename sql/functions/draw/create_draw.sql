-- Draw p_winners among those who are present (of p_resource; null: all), or among the claims of a bonus (those of its
-- first p_within; null: all), and offer the winners a bonus. The caller chooses its id. If there are fewer candidates,
-- all of them win. Returns
--   created
--   repeated       the same order came before; nothing changed
--   and, with nothing written:
--   conflict       another order, or news, has this id
--   unknown_bonus  there is no bonus p_among_bonus_id
--   too_early      it can still be claimed within p_within
--   no_candidates
-- A candidate's rank is the SHA-256 of the seed and the user's id; the lowest ranks win. The digest is the SHA-256 of all
-- ranks in their order. So who has the seed and the list of candidates can do the draw again: examples/verify-draw.
create or replace function create_draw(
    p_bonus_id uuid, p_reward jsonb, p_resource text, p_among_bonus_id uuid, p_within interval, p_winners integer,
    p_claim_within interval, p_fingerprint text default null, p_now timestamptz default null
) returns text language plpgsql as $$
declare
    v_now timestamptz;
    v_known bonuses;
    v_seed bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
    v_count integer;
    v_winners text[];
begin
    if p_among_bonus_id is not null then
        -- Whose claim is under way is among them, and whose comes later is not.
        perform lock_bonus(p_among_bonus_id);
    end if;
    perform lock_bonus(p_bonus_id);
    v_now := coalesce(p_now, clock_timestamp());
    select * into v_known from bonuses where bonus_id = p_bonus_id;
    if found then
        return case when v_known.fingerprint is not distinct from p_fingerprint then 'repeated' else 'conflict' end;
    elsif exists (select from broadcasts where broadcast_id = p_bonus_id) then
        return 'conflict';
    end if;
    if p_among_bonus_id is not null and not exists (select from bonuses where bonus_id = p_among_bonus_id) then
        return 'unknown_bonus';
    elsif v_now <= claims_end(p_among_bonus_id, p_within) then
        return 'too_early';
    end if;
    insert into draw_candidates (bonus_id, rank, user_id)
        select p_bonus_id, sha256(v_seed || convert_to(c.user_id, 'UTF8')), c.user_id
          from candidates_for(p_resource, p_among_bonus_id, p_within) as c;
    get diagnostics v_count = row_count;
    if v_count = 0 then
        return 'no_candidates';
    end if;
    insert into draws (bonus_id, resource, among_bonus_id, within, winners, candidates, seed, digest, last_rank, drawn_at)
        select p_bonus_id, p_resource, p_among_bonus_id, p_within, p_winners, v_count, v_seed,
               sha256(string_agg(rank, '' order by rank)), (array_agg(rank order by rank))[least(p_winners, v_count)], v_now
          from draw_candidates where bonus_id = p_bonus_id;
    v_winners := array(select user_id from draw_candidates where bonus_id = p_bonus_id order by rank limit p_winners);
    return create_bonus(p_bonus_id, p_reward, 'users', null, v_winners, '0', p_claim_within, null, null,
                        p_acknowledge => true, p_fingerprint => p_fingerprint, p_now => v_now);
end $$;

-- Until when a claim of a bonus may be one of its first p_within (null: of all); null without a bonus.
create or replace function claims_end(p_bonus_id uuid, p_within interval) returns timestamptz
language sql stable as $$
    select least(b.opens_at + p_within, b.cancelled_at,
                 -- As `claim_refusal` has it.
                 b.expires_at + interval '500 milliseconds')
      from bonuses b where b.bonus_id = p_bonus_id
$$;

-- Who takes part in a draw, each once.
create or replace function candidates_for(p_resource text, p_among_bonus_id uuid, p_within interval)
returns table (user_id text) language sql stable as $$
    select distinct w.user_id from watching_times w
     where p_among_bonus_id is null and w.ended_at is null and (p_resource is null or w.resource = p_resource)
    union all
    select c.user_id from claims c
     where c.bonus_id = p_among_bonus_id
       and c.claimed_at <= (select claims_end(p_among_bonus_id, p_within))
       -- Who was erased meanwhile cannot be told.
       and not exists (select from erasures e where e.pseudonym = c.user_id)
$$;
