-- Nothing: awards are progress of campaigns now. See `prune_progress`.
create or replace function prune_awards(p_limit integer) returns bigint language sql as $$ select 0::bigint $$;
