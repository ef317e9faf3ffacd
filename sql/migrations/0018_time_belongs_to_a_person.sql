-- Time belongs to a person: resource '' of watch_totals, which was the sum over all resources, becomes the time
-- in which a user watched anything, so that no moment counts twice.

-- Until the functions replace them by the same ones.
create or replace function length_of(p_times tstzmultirange) returns interval language plpgsql immutable as $$
begin
    if p_times is null or isempty(p_times) then
        return interval '0';
    elsif p_times = tstzmultirange(range_merge(p_times)) then
        return upper(p_times) - lower(p_times);
    end if;
    return (select sum(upper(one) - lower(one)) from unnest(p_times) as one);
end $$;

create or replace function add_watch_totals() returns trigger language plpgsql as $$
begin
    insert into watch_totals as t (user_id, resource, watched, last_month)
        select user_id, coalesce(resource, ''), sum(ended_at - joined_at),
               date_trunc('month', max(ended_at) at time zone 'UTC')
          from finalized group by grouping sets ((user_id), (user_id, resource)) order by 1, 2
        on conflict (user_id, resource) do update
           set watched = t.watched + excluded.watched,
               last_month = greatest(t.last_month, excluded.last_month);
    -- Anything counts once, however many sessions have it: take off what others have, too. A statement of its own:
    -- the rows above are locked now, so it sees all past sessions of these users, and no other caller adds one.
    update watch_totals t set watched = t.watched - o.overlap
      from (select n.user_id, n.whole - length_of(n.times - coalesce(others.times, '{}')) as overlap
              from (select user_id, min(joined_at) as since, sum(ended_at - joined_at) as whole,
                           range_agg(tstzrange(joined_at, ended_at)) as times, array_agg((id, ended_at)) as keys
                      from finalized group by user_id) as n,
                   lateral (select range_agg(tstzrange(p.joined_at, p.ended_at)) as times from past_sessions p
                             where p.user_id = n.user_id and p.ended_at > n.since
                               and (p.id, p.ended_at) <> all (n.keys)) as others) as o
     where o.overlap > interval '0' and t.user_id = o.user_id and t.resource = '';
    return null;
end $$;

-- It waits for sessions that are being finalized, and keeps out others until the totals are right. Of months that
-- are dropped the sums stay: their sessions are gone.
lock table past_sessions in share row exclusive mode;
update watch_totals t set watched = t.watched - o.overlap
  from (select user_id,
               sum(ended_at - joined_at) - length_of(range_agg(tstzrange(joined_at, ended_at))) as overlap
          from past_sessions
         where user_id in (select user_id from watch_totals where resource <> '' group by user_id having count(*) > 1)
         group by user_id) as o
 where o.overlap > interval '0' and t.user_id = o.user_id and t.resource = '';
