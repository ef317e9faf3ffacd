-- name: count_key_request
-- Count a request of a key that has a limit, in a minute that begins with the first request after the one before. A
-- minute that began more than a minute from now is of before the clock went back, and over. No row: there is no limit.
-- $1 key_id
update service_keys k
   set minute_requests = case when abs(extract(epoch from c.now - k.minute_began_at)) < 60
                              then k.minute_requests + 1 else 1 end,
       minute_began_at = case when abs(extract(epoch from c.now - k.minute_began_at)) < 60
                              then k.minute_began_at else c.now end
  from (select clock_timestamp() as now) c
 where k.key_id = $1 and k.requests_per_minute is not null
returning k.requests_per_minute, k.minute_requests as requests,
          least(60, ceil(extract(epoch from k.minute_began_at - c.now) + 60))::integer as seconds_left;
