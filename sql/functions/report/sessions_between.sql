-- Sessions, and parts of sessions, that cross [p_from, p_to): open ones, those within their grace, and past ones. A session of no
-- length belongs to the interval that contains its moment; an open one goes on.
-- As they were corrected, or as they were recorded. It is inlined into its caller, so conditions on its columns reach the indexes.
create or replace function sessions_between(p_from timestamptz, p_to timestamptz, p_corrected boolean default true)
returns setof sessions language sql stable rows 100000 as $$
    select id, user_id::text, resource::text, joined_at, ended_at, ended_by,
           case when ended_at is not null then ended_within end, away_since, shown_times(w)
      from watching_times w
     where joined_at < p_to
       and (ended_at is null or ended_at > p_from or (ended_at = p_from and joined_at = p_from))
    union all
    select * from past_between(p_from, p_to, p_corrected)
$$;

-- The past ones of them. Four hours: see migrations/0004_reports.sql.
create or replace function past_between(p_from timestamptz, p_to timestamptz, p_corrected boolean default true)
returns setof sessions language sql stable rows 100000 as $$
    select id, user_id, resource, joined_at, ended_at, ended_by, ended_within, away_since, visible
      from read_past(p_corrected)
     where ended_at >= p_from and ended_at < p_to + interval '4 hours' and joined_at < p_to
       and ended_at - joined_at <= interval '4 hours'
       and (ended_at > p_from or joined_at = p_from)
    union all
    select id, user_id, resource, joined_at, ended_at, ended_by, ended_within, away_since, visible
      from read_past(p_corrected)
     where ended_at >= p_from and joined_at < p_to
       and ended_at - joined_at > interval '4 hours'
       and ended_at > p_from
$$;
