-- Reports that end now sum up open sessions at once. These take one word more: of which users they are looked at one by one.
select set_aside('clips_between(timestamptz, timestamptz, timestamptz, text, text[], boolean, boolean, boolean,
    integer)');
select set_aside('sums_of_sessions(timestamptz, timestamptz, timestamptz, timestamptz, timestamptz[], text[],
    text, text, boolean, boolean)');
