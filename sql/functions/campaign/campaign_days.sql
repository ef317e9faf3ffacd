-- The first moment of a day in a time zone. A midnight that comes twice or not at all is the second behind the one before,
-- which comes once.
create or replace function day_start(p_day date, p_timezone text) returns timestamptz language sql immutable as $$
    select (p_day - interval '1 second') at time zone p_timezone + interval '1 second'
$$;

-- Which day it is in a time zone.
create or replace function day_of(p_at timestamptz, p_timezone text) returns date language sql immutable as $$
    select (p_at at time zone p_timezone)::date
$$;

-- Which day of a campaign it is, 1 for that of its start. Null: it has no time zone.
create or replace function day_number(p_starts_at timestamptz, p_at timestamptz, p_timezone text) returns integer
language sql immutable as $$
    select day_of(p_at, p_timezone) - day_of(p_starts_at, p_timezone) + 1
$$;

-- From when to when a day of a campaign is, by its number.
create or replace function day_times(p_starts_at timestamptz, p_number integer, p_timezone text) returns tstzmultirange
language sql immutable as $$
    select tstzmultirange(tstzrange(day_start(first + p_number - 1, p_timezone), day_start(first + p_number, p_timezone)))
      from (select day_of(p_starts_at, p_timezone) as first) as days
$$;

-- How much of these times is on each day of a campaign, from the first up to the last that has any. Null: none has.
create or replace function daily_of(p_counted tstzmultirange[], p_starts_at timestamptz, p_timezone text)
returns interval[] language sql immutable as $$
    select array_agg(coalesce(watched, '0') order by n)
      from (select day_number(p_starts_at, min(lower(one)), p_timezone) as first,
                   day_number(p_starts_at, max(upper(one)) - interval '1 microsecond', p_timezone) as last
              from unnest(p_counted) as one) as days,
           generate_series(1, last) as n,
           lateral (select sum(length_of(one * day_times(p_starts_at, n, p_timezone))) as watched
                      from unnest(p_counted) as one where n >= first) as on_day
$$;

-- Two times by days as one. Null: none.
create or replace function sum_daily(p_one interval[], p_other interval[]) returns interval[] language plpgsql immutable as $$
declare
    v_sum interval[] := coalesce(p_one, p_other);
begin
    if p_one is not null then
        for n in 1 .. coalesce(cardinality(p_other), 0) loop
            v_sum[n] := coalesce(v_sum[n], '0') + coalesce(p_other[n], '0');
        end loop;
    end if;
    return v_sum;
end $$;

-- How often p_days in a row were watched for p_watched each. A longer row counts once for each p_days that fit in it.
create or replace function streaks(p_daily interval[], p_watched interval, p_days smallint) returns integer
language plpgsql immutable as $$
declare
    v_watched interval;
    v_length integer := 0;
    v_streaks integer := 0;
begin
    -- A query over so few days takes longer to begin than all of this.
    foreach v_watched in array coalesce(p_daily, '{}') loop
        v_length := case when v_watched >= p_watched then v_length + 1 else 0 end;
        if v_length = p_days then
            v_streaks := v_streaks + 1;
            v_length := 0;
        end if;
    end loop;
    return v_streaks;
end $$;

-- How many days in a row were watched for p_watched each, up to p_today; up to the day before while today is not.
create or replace function days_in_a_row(p_daily interval[], p_watched interval, p_today integer) returns integer
language sql immutable as $$
    select greatest(0, last - coalesce(max(n) filter (where coalesce(p_daily[n], '0') < p_watched), 0))
      from (select p_today - (coalesce(p_daily[p_today], '0') < p_watched)::integer as last) as days
           left join generate_series(1, p_today) as n on n <= last
     group by last
$$;

-- What a user has watched for a campaign in sessions that are not finalized, on each of its days from the first to p_today;
-- none of them began before p_first; null: there are none.
create or replace function unfinalized_daily(
    p_campaign campaigns, p_user_id text, p_first integer, p_today integer, p_now timestamptz
) returns interval[] language sql stable as $$
    select array_agg(case when p_first is null or n < p_first then '0' else (
               select u.watched
                 from unfinalized_of(p_user_id, p_campaign.resources,
                                     p_campaign.times * day_times(p_campaign.starts_at, n, p_campaign.timezone),
                                     p_campaign.is_visible, p_campaign.is_each, p_now) as u) end order by n)
      from generate_series(1, p_today) as n
$$;

-- On which day of a campaign the first of a user's sessions that are not finalized began. Null: there are none.
create or replace function first_unfinalized_day(p_campaign campaigns, p_user_id text) returns integer
language sql stable as $$
    select day_number(p_campaign.starts_at, greatest(min(w.joined_at), p_campaign.starts_at), p_campaign.timezone)
      from watching_times w where w.user_id = p_user_id
$$;
