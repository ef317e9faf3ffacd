-- name: audit
-- What keys have ordered, the newest first, and what came of it.
-- $1 before_id  $2 author (null: any)  $3 operation (null: any)  $4 subject (null: any)
-- $5 begins  $6 ends  $7 limit
select a.id, ms(a.at) as at, a.author, a.source, a.operation, a.subject, a.outcome, a.reason
  from audit a
 where a.id < $1
   and ($2::text is null or a.author = $2)
   and ($3::text is null or a.operation = $3)
   and ($4::text is null or a.subject = $4)
   and a.at >= $5 and a.at < $6
 order by a.id desc limit $7;
