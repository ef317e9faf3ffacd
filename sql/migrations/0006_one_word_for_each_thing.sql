-- One word for each thing, on the wire and in the tables: joined_at and ended_at, expires_at, presence
-- events. It runs before 0.1.0 is out, so no older code needs the names that go.

alter table watching_times rename column join_at to joined_at;
alter table watching_times rename column terminate_at to ended_at;
alter table past_sessions rename column join_at to joined_at;
alter table past_sessions rename column terminate_at to ended_at;
alter view watching_counts rename column join_at to joined_at;
alter view watching_counts rename column terminate_at to ended_at;
alter view sessions rename column join_at to joined_at;
alter view sessions rename column terminate_at to ended_at;
alter type ending rename value 'node_lost' to 'node_evicted';

alter table bonuses rename column closes_at to expires_at;
alter table bonuses rename column closed_at to ledger_closed_at;
alter table bonuses rename constraint opens_before_it_closes to opens_before_it_expires;
alter index bonuses_closes_at rename to bonuses_expires_at;
alter index bonuses_unclosed rename to bonuses_ledger_open;

alter type presence_fact rename to presence_event_type;
alter table presence_facts rename to presence_events;
alter table presence_events rename column fact to type;
alter table presence_events rename column settled_at to recorded_at;
alter index presence_facts_pkey rename to presence_events_pkey;
alter table pending_facts rename to presence_outbox;
alter table presence_outbox rename column fact to type;
alter table presence_outbox rename column is_settled to is_finalized;
alter index pending_facts_due rename to presence_outbox_due;
alter table fact_log rename to presence_event_log;
alter index fact_log_pkey rename to presence_event_log_pkey;
alter table presence_event_log rename constraint fact_log_only_row_check to presence_event_log_only_row_check;

-- PostgreSQL 18 names what must not be null after its column.
do $$ declare
    v_old record;
begin
    for v_old in
        select c.conrelid::regclass as place, c.conname, format('%s_%s_not_null', t.relname, a.attname) as name
          from pg_constraint c
               join pg_class t on t.oid = c.conrelid
               join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
         where c.contype = 'n' and c.conislocal and t.relkind in ('r', 'p')
           and t.relname in ('watching_times', 'past_sessions', 'past_sessions_default', 'bonuses',
                             'presence_events', 'presence_outbox', 'presence_event_log')
           and c.conname <> format('%s_%s_not_null', t.relname, a.attname)
    loop
        execute format('alter table %s rename constraint %I to %I', v_old.place, v_old.conname, v_old.name);
    end loop;
end $$;

-- Every function is written again under its new names; what PostgreSQL cannot replace goes here.
do $$ declare
    v_function regprocedure;
begin
    for v_function in
        select p.oid from pg_proc p
         where p.pronamespace = current_schema()::regnamespace
           and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
           and p.proname = any (array[
        'ack', 'act', 'append_event', 'award', 'bonus_json', 'bonus_state', 'cancel_bonus', 'claim',
        'claim_look', 'claim_refusal', 'clipped', 'close_bonuses', 'close_ledger', 'connect',
        'connection_list', 'connections', 'connections_of', 'count_connections', 'create_bonus',
        'create_broadcast', 'create_news', 'csv_cell', 'disconnect', 'doubt', 'drop_page',
        'end_connections', 'enter', 'event_json', 'forget', 'has_answered', 'hello', 'hold_shard',
        'is_for_good', 'keep_months', 'last_evidence', 'leave', 'ledger_of', 'left_of', 'limit_report',
        'lock_bonus', 'lock_user', 'may_open', 'merge_patch', 'milliseconds', 'ms', 'news_json',
        'next_page', 'next_round_in', 'note_nodes', 'outcome_of', 'part', 'patience', 'plan_shards',
        'push', 'read_page', 'report_page', 'sessions_between', 'sessions_of', 'settle', 'settle_session',
        'share_bonus', 'size', 'spend', 'sweep', 'take_from_stock', 'take_turn', 'tell_offers', 'use_up',
        'watch', 'watched', 'with_connection', 'without_connection'
        ])
    loop
        execute format('drop function %s', v_function);
    end loop;
end $$;
delete from migrations where name like 'functions/%';
