-- Every log ends: the ledger is dropped by days, grants are rows of their own, and what is pruned is found
-- by an index.

-- A claim is the grant that your payout service reads: in the order of xid, then grant_id. The ledger had
-- both until now, and is kept for a shorter time.
alter table claims add column grant_id bigint, add column xid bigint;
update claims c set grant_id = l.id, xid = l.xid from ledger l
 where l.bonus_id = c.bonus_id and l.user_id = c.user_id and l.entry = 'claimed';

-- The ledger, in a partition per day: to drop one costs nothing, and what is inserted meets only the
-- indexes of its day. No primary key: nothing finds an entry by its id.
create temporary table ledger_before as select id, bonus_id, user_id, entry, at from ledger;
drop table ledger;
create sequence ledger_id_seq;
select setval('ledger_id_seq', max(id)) from ledger_before having max(id) is not null;
create table ledger (
    id       bigint      not null default nextval('ledger_id_seq'),
    bonus_id uuid        not null,
    user_id  text,
    entry    text        not null
             check (entry in ('created', 'offered', 'claimed', 'expired', 'cancelled')),
    at       timestamptz not null
) partition by range (at);
alter sequence ledger_id_seq owned by ledger.id;
create table ledger_default partition of ledger default;
-- ledger_of: the entries of one user, and those of the bonuses that are for everyone or for a resource.
create index ledger_user on ledger (user_id, id) where user_id is not null;
create index ledger_everyone on ledger (id) where user_id is null;
insert into ledger select * from ledger_before order by id;
drop table ledger_before;

-- From the same sequence: ids of grants go on where they were.
alter table claims
    alter column grant_id set not null, alter column grant_id set default nextval('ledger_id_seq'),
    alter column xid set not null, alter column xid set default pg_current_xact_id()::text::bigint;
-- grants: in an order that never changes behind a reader. prune_grants: the oldest.
create index claims_grants on claims (xid, grant_id);

-- Up to where grants have been pruned: a reader that is behind it has missed some.
create table grant_log (
    only_row        boolean primary key default true check (only_row),
    pruned_xid      bigint  not null default 0,
    pruned_grant_id bigint  not null default 0
);
insert into grant_log default values;

-- Only the last award of a session says when its next one is due; the bonuses of the others may go.
delete from awards a using awards later
 where later.rule_id = a.rule_id and later.session_id = a.session_id and later.nth > a.nth;
-- prune_awards: those of sessions that are over.
alter table awards drop constraint awards_pkey, drop column bonus_id, add primary key (session_id, rule_id);

-- prune: the oldest. A block range index forgets nothing: once new rows fill the room of old ones, each
-- range seems to hold old ones, and each run would read the whole table.
drop index user_events_at, acks_at;
create index user_events_at on user_events (at);
create index acks_at on acks (at);
-- prune_bonuses: those that no broadcast needs any more.
create index broadcasts_bonus on broadcasts (bonus_id);

-- Rows go as fast as they come. By default, vacuum waits for a fifth of a table to be dead, and what is
-- pruned is looked for behind all of these.
alter table user_events set (autovacuum_vacuum_scale_factor = 0.02);
alter table acks set (autovacuum_vacuum_scale_factor = 0.02);
alter table offers set (autovacuum_vacuum_scale_factor = 0.02);
alter table claims set (autovacuum_vacuum_scale_factor = 0.02);
alter table presence_events set (autovacuum_vacuum_scale_factor = 0.02);
