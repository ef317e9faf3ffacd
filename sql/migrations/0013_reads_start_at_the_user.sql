-- What one user asks starts at rows of their own, or at what is for everyone or for their resource: each
-- query has an index of exactly that, in the order in which it reads.

-- What a user has watched in sessions that are over; resource '': all of them together. `watched` adds the
-- sessions that are not.
create table watch_totals (
    user_id    text     not null,
    resource   text     not null,
    watched    interval not null,
    -- Of the last end, UTC. A month, so that it changes once a month: every other update is in no index.
    last_month date     not null,
    primary key (user_id, resource)
) with (fillfactor = 80);
-- keep_months: those that are to be forgotten.
create index watch_totals_last_month on watch_totals (last_month);

-- A trigger, so that no session is counted twice or missed, also while older code still runs. The functions
-- replace it by the same one.
create function add_watch_totals() returns trigger language plpgsql as $$
begin
    insert into watch_totals as t (user_id, resource, watched, last_month)
        select user_id, coalesce(resource, ''), sum(ended_at - joined_at),
               date_trunc('month', max(ended_at) at time zone 'UTC')
          from finalized group by grouping sets ((user_id), (user_id, resource)) order by 1, 2
        on conflict (user_id, resource) do update
           set watched = t.watched + excluded.watched,
               last_month = greatest(t.last_month, excluded.last_month);
    return null;
end $$;
-- First, because it waits for sessions that are being finalized, and keeps out others until the sums are there.
create trigger add_watch_totals after insert on past_sessions
    referencing new table as finalized for each statement execute function add_watch_totals();
insert into watch_totals (user_id, resource, watched, last_month)
    select user_id, coalesce(resource, ''), sum(ended_at - joined_at),
           date_trunc('month', max(ended_at) at time zone 'UTC')
      from past_sessions group by grouping sets ((user_id), (user_id, resource));
-- sessions of a user: their few long ones.
create index past_sessions_user_long on past_sessions (user_id, ended_at, id)
    where ended_at - joined_at > interval '4 hours';

-- A copy of the bonus' own, which never changes. Rows of older code have the default, and are found as well.
alter table offers add column expires_at timestamptz not null default 'infinity';
update offers o set expires_at = b.expires_at from bonuses b where b.bonus_id = o.bonus_id;
-- claim, ack: is it offered to this user? push: the users of one bonus.
alter table offers drop constraint offers_pkey, add primary key (bonus_id, user_id);
drop index offers_bonus;
-- hello: what is offered to a user.
create index offers_user on offers (user_id, expires_at);

-- The planner took these two, which are of everyone's rows, for the way to those of one audience.
drop index bonuses_expires_at;
alter table broadcasts drop constraint broadcasts_seq_key;
-- prune_bonuses: those that are over.
create index bonuses_ledger_closed on bonuses (expires_at) where ledger_closed_at is not null;
-- hello: what is for everyone, and for a resource; and what was cancelled of that.
create index bonuses_everyone on bonuses (expires_at)
    where audience = 'everyone' and cancelled_at is null;
create index bonuses_resource on bonuses (resource, expires_at)
    where audience = 'resource' and cancelled_at is null;
create index bonuses_everyone_cancelled on bonuses (expires_at)
    where audience = 'everyone' and cancelled_at is not null;
create index bonuses_resource_cancelled on bonuses (resource, expires_at)
    where audience = 'resource' and cancelled_at is not null;
-- hello: was any bonus cancelled that is not over?
create index broadcasts_cancels on broadcasts (expires_at) where kind = 'cancel';
-- hello: the news.
create index broadcasts_everyones_news on broadcasts (seq) where audience = 'everyone' and kind = 'news';
create index broadcasts_resource_news on broadcasts (resource, seq)
    where audience = 'resource' and kind = 'news';

-- Of an entry without a user: the audience of its bonus; null: listed users, who have entries of their own.
alter table ledger add column audience text, add column resource text;
update ledger l set audience = b.audience, resource = b.resource
  from bonuses b where b.bonus_id = l.bonus_id and l.user_id is null and b.audience <> 'users';
drop index ledger_everyone;
-- ledger_of: what is for everyone, and for a resource.
create index ledger_everyone on ledger (id) where audience = 'everyone';
create index ledger_resource on ledger (resource, id) where audience = 'resource';
