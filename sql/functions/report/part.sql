-- The share of a group of p_sessions intervals in the piece of time that begins at p_piece. All of them
-- begin in the piece p_first, in sum p_before after its start, and end in the piece p_last, in sum p_after
-- after its start.
create or replace function part(
    p_piece timestamptz, p_first timestamptz, p_last timestamptz, p_size interval,
    p_sessions bigint, p_before interval, p_after interval
) returns interval language sql immutable as $$
    select case when p_piece between p_first and p_last
                then case when p_piece = p_last then p_after else p_sessions * p_size end
                   - case when p_piece = p_first then p_before else interval '0' end
                else interval '0' end
$$;
