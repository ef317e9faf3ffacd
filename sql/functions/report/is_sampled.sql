-- Whether a user is in a sample of p_sample in 1,024 users: the smaller one is a part of the larger, and 1,024 are
-- all. It is inlined into its caller, so the planner knows that up to 128 the index past_sessions_sampled has them all.
create or replace function is_sampled(p_user_id text, p_sample integer) returns boolean
language sql immutable as $$
    select p_sample >= 1024 or hashtextextended(p_user_id, 0) & 1023 < p_sample
$$;
