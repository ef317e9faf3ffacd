-- A user's sessions: open, within their grace, and past.
create or replace function sessions_of(p_user_id text) returns setof sessions
language sql stable rows 20 as $$ select * from sessions where user_id = p_user_id $$;

-- How long a user has watched a resource (null: all of them), open sessions up to p_now.
create or replace function watched(p_user_id text, p_resource text, p_now timestamptz)
returns interval language sql stable as $$
    select coalesce(sum(coalesce(ended_at, greatest(p_now, joined_at)) - joined_at), interval '0')
      from sessions_of(p_user_id)
     where p_resource is null or resource = p_resource
$$;
