-- Nothing is due by an award rule any more: each is a campaign. A call of `award` that began before the migration may
-- still ask.
create or replace function due_awards(p_rule award_rules, p_limit integer, p_now timestamptz)
returns table (user_id text, nth bigint) language plpgsql stable as $$
begin
    return;
end $$;
