-- name: server_time
-- The database's time.
select ms(now()) as server_now;
