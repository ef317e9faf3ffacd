-- How many watch a resource, for a page that shows it, and when to ask again. Returns one row; outcome
--   counted               users, connections, sampled_at: see `sample_audience`
--   slow_down, kept_out   see `spend`; wait_ms says when to try again
-- list  with p_may_list: who they are, [{user_id, joined_at, connections}, …] by user_id, read now as the numbers are then;
--       null if they are more than 50
-- ask_again_ms  5 s; longer so that all pages together ask no more often than the gateway admits connections, and while
--       nothing changes, up to a minute. All connections of a user share it: each waits for as many turns.
create or replace function audience(
    p_user_id text, p_resource text, p_may_list boolean,
    p_gap interval default '0', p_burst integer default 1, p_keep_out interval default '1 minute',
    p_now timestamptz default null,
    out outcome text, out wait_ms integer, out server_now bigint, out users integer, out connections integer,
    out sampled_at bigint, out list json, out ask_again_ms bigint
) language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_sample audience_samples;
begin
    wait_ms := spend(p_user_id, p_gap, p_burst, p_keep_out, v_now);
    server_now := ms(v_now);
    if wait_ms <> 0 then
        outcome := outcome_of(wait_ms);
        return;
    end if;
    outcome := 'counted';
    v_sample := sample_audience(p_resource, v_now);
    users := v_sample.users;
    connections := v_sample.connections;
    sampled_at := ms(v_sample.sampled_at);
    if p_may_list and users <= 50 then
        select case when count(*) <= 50 then coalesce(json_agg(person order by person.user_id), '[]') end,
               case when count(*) <= 50 then count(*) else v_sample.users end,
               case when count(*) <= 50 then coalesce(sum(person.connections), 0) else v_sample.connections end
          into list, users, connections
          from (select w.user_id, ms(coalesce(w.began_at, w.joined_at)) as joined_at, size(w.nodes) as connections
                  from watching_times w where w.resource = p_resource and w.ended_at is null
                 order by w.user_id limit 51) as person;
        if list is not null then
            sampled_at := server_now;
            perform charge(p_user_id, p_gap, cost_of(1, octet_length(list::text)));
        end if;
    end if;
    select milliseconds(greatest(interval '5 seconds', l.reconnect_within,
                                 least(interval '1 minute', (v_now - v_sample.changed_at) / 4))
                        * greatest(count_connections(p_user_id), 1))
      into ask_again_ms from line_limits l;
end $$;
