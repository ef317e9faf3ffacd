-- name: health
-- Which schema does the database have: how many migrations, and the digest of all files?
select count(*) filter (where name like 'migrations/%')::integer as migrations,
       max(digest) filter (where name = 'roles.sql') as digest
  from migrations;
