-- The month of a stream's last event, so that one without events since can be deleted. Within a month the value stays
-- as it is, and the update of a row touches no index.
alter table user_streams
    add column last_month date not null default date_trunc('month', now() at time zone 'UTC');
create index user_streams_last_month on user_streams (last_month);
