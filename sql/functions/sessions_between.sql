-- Sessions that cross [p_from, p_to): open ones, within their grace, and past. A session that ended as
-- it began belongs to the interval which that moment is in; one that is open goes on.
-- Inlined into what calls it, so conditions on its columns reach the indexes. Four hours: see
-- migrations/0004_reports.sql.
create or replace function sessions_between(p_from timestamptz, p_to timestamptz)
returns setof sessions language sql stable rows 100000 as $$
    select id, user_id::text, resource::text, joined_at, ended_at, ended_by,
           case when ended_at is not null then ended_within end
      from watching_times
     where joined_at < p_to
       and (ended_at is null or ended_at > p_from or (ended_at = p_from and joined_at = p_from))
    union all
    select id, user_id, resource, joined_at, ended_at, ended_by, ended_within
      from past_sessions
     where ended_at >= p_from and ended_at < p_to + interval '4 hours' and joined_at < p_to
       and ended_at - joined_at <= interval '4 hours'
       and (ended_at > p_from or joined_at = p_from)
    union all
    select id, user_id, resource, joined_at, ended_at, ended_by, ended_within
      from past_sessions
     where ended_at >= p_from and joined_at < p_to
       and ended_at - joined_at > interval '4 hours'
       and ended_at > p_from
$$;

-- What of a session lies in [p_from, p_to): [starts_at, ends_at), an open one up to p_now; and
-- [uncertain_at, sure_at), in which its true end may lie. Null where nothing does.
create or replace function clipped(
    p_joined_at timestamptz, p_ended_at timestamptz, p_ended_within interval,
    p_from timestamptz, p_to timestamptz, p_now timestamptz
) returns table (
    starts_at timestamptz, ends_at timestamptz, uncertain_at timestamptz, sure_at timestamptz
) language sql immutable as $$
    select case when is_in then a end, case when is_in then b end,
           case when is_uncertain then uncertain end, case when is_uncertain then sure end
      from (select a, b, b > a or (b = a and b = p_joined_at) as is_in,
                   uncertain, sure, p_ended_within > interval '0' and sure > uncertain as is_uncertain
              from (select greatest(p_joined_at, p_from) as a,
                           least(coalesce(p_ended_at, p_now), p_to) as b,
                           greatest(p_ended_at, p_from) as uncertain,
                           least(p_ended_at + p_ended_within, p_to) as sure) as bounds
           ) as judged
$$;

-- What of p_sessions intervals lies in the piece of time that begins at p_piece. All of them begin in
-- the piece p_first, p_before into it in sum, and end in the piece p_last, p_after into it in sum.
create or replace function part(
    p_piece timestamptz, p_first timestamptz, p_last timestamptz, p_size interval,
    p_sessions bigint, p_before interval, p_after interval
) returns interval language sql immutable as $$
    select case when p_piece between p_first and p_last
                then case when p_piece = p_last then p_after else p_sessions * p_size end
                   - case when p_piece = p_first then p_before else interval '0' end
                else interval '0' end
$$;
