-- A parameter of it has another name.
select set_aside('find_grants(bigint, bigint, uuid, uuid, text, text, timestamptz, timestamptz, integer)');
