-- When a past session was first visible (p_visible: for which times; null: all of it); 'infinity': never.
create or replace function first_visible(p_joined_at timestamptz, p_ended_at timestamptz, p_visible tstzmultirange)
returns timestamptz language sql immutable as $$
    select case when p_visible is not null then coalesce(lower(p_visible), 'infinity')
                when p_ended_at > p_joined_at then p_joined_at else 'infinity' end
$$;
