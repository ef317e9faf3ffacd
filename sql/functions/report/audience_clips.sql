-- What each session of an audience counts, each minute of a user once (see clips_between), and in which of the
-- periods that begin at p_starts it lies: from the number first_n up to last_n, and from counts_n what counts. is_first:
-- the user's first of the interval, and no earlier one goes on into it. goes_on: it is a part of a session
-- whose part before lies in first_n, too. Of a sample of the users (see is_sampled).
create or replace function audience_clips(
    p_from timestamptz, p_to timestamptz, p_now timestamptz, p_resources text[], p_starts timestamptz[],
    p_visible boolean, p_corrected boolean default true, p_sample integer default 1024
) returns table (
    user_id text, is_view boolean, is_first boolean, goes_on boolean, starts_at timestamptz,
    counts_from timestamptz, ends_at timestamptz, first_n integer, counts_n integer, last_n integer, is_counted boolean
) language sql stable rows 100000 as $$
    select user_id, away_since is null and joined_at >= p_from,
           row_number() over (partition by user_id order by starts_at, joined_at, ends_at) = 1 and joined_at >= p_from,
           coalesce(away_since > p_from and away_since > p_starts[first_n], false), starts_at,
           counts_from, ends_at, first_n,
           case when counts_from = starts_at then first_n else width_bucket(counts_from, p_starts) end,
           width_bucket(greatest(starts_at, ends_at - interval '1 microsecond'), p_starts),
           counts_from is not null
      from (select *, width_bucket(starts_at, p_starts) as first_n
              from clips_between(p_from, p_to, p_now, null, p_resources, true, p_visible, p_corrected, p_sample)
             where starts_at is not null) as clips
$$;
