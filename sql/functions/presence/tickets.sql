-- Whether a ticket may still open a connection. The gateway holds a handshake for at most 29 s per
-- step; one minute covers both.
create or replace function may_open(p_expires_at timestamptz, p_now timestamptz) returns boolean
language sql stable as $$ select p_now <= p_expires_at + interval '1 minute' $$;

-- Mark a ticket as used, for as long as it could still open a connection.
create or replace function use_up(p_ticket_id text, p_expires_at timestamptz, p_now timestamptz)
returns void language sql as $$
    insert into used_tickets (ticket_id, expires_at)
        select p_ticket_id, p_expires_at where may_open(p_expires_at, p_now)
        on conflict (ticket_id) do nothing
$$;
