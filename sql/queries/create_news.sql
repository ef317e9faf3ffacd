-- name: create_news
-- News for an audience. Returns outcome: created, repeated or conflict.
-- $1 broadcast_id  $2 news {type, body}  $3 audience  $4 resource  $5 good_for  $6 fingerprint
select create_news($1, $2, $3, $4, $5, $6) as outcome;
