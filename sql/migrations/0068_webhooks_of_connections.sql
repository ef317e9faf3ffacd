-- Whether a webhook wants to be told of connections is asked at each $connect: while there is none, the page of an empty index
-- answers.
-- A few dozen rows, which no user writes: the lock lasts no time.
-- squawk-ignore require-concurrent-index-creation
create index webhooks_of_connections on webhooks (webhook_id)
 where types && '{connection.opened,connection.closed}'::text[];
