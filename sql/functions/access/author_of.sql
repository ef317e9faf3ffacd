-- The name of the key that had this created, by its id; null: none had, or the audit keeps that no more.
create or replace function author_of(p_subject uuid) returns text
language sql stable as $$
    select a.author from audit a
     where a.subject = p_subject::text and a.outcome = 'created'
     order by a.id limit 1
$$;
