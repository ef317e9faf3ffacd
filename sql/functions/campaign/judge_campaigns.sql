-- Take a page of users (`take_viewers`) and judge it. A run calls this until is_done, with the `since` of its first call: then all
-- campaigns have been judged since. Runs may overlap, or end at any time: the next one goes on where they were.
--   made   bonuses
create or replace function judge_campaigns(
    p_limit integer, p_since timestamptz default null, p_now timestamptz default null,
    out made integer, out is_done boolean, out since timestamptz
) language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_page record;
begin
    select * into v_page from take_viewers(p_limit, p_since, v_now);
    is_done := v_page.is_done;
    since := v_page.since;
    made := case when v_page.upto is null then 0 else judge_viewers(
        (v_page.campaign).campaign_id, (v_page.campaign).round, (v_page.campaign).judged_upto, v_page.upto,
        v_page.settles, v_now) end;
end $$;

-- The same for several at once: a page that may be judged beside others is given to the caller, for `judge_viewers`; a page that
-- is lost then is judged with the next round. campaign_id null: there is none to judge.
create or replace function next_viewers(
    p_limit integer, p_since timestamptz default null, p_now timestamptz default null,
    out made integer, out is_done boolean, out since timestamptz, out campaign_id uuid, out round bigint, out after text,
    out upto text
) language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_page record;
begin
    select * into v_page from take_viewers(p_limit, p_since, v_now);
    is_done := v_page.is_done;
    since := v_page.since;
    made := 0;
    round := 0;
    after := '';
    upto := '';
    if v_page.upto is null then
        return;
    elsif v_page.is_alone then
        made := judge_viewers(
            (v_page.campaign).campaign_id, (v_page.campaign).round, (v_page.campaign).judged_upto, v_page.upto,
            v_page.settles, v_now);
        return;
    end if;
    campaign_id := (v_page.campaign).campaign_id;
    round := (v_page.campaign).round;
    after := (v_page.campaign).judged_upto;
    upto := v_page.upto;
end $$;
