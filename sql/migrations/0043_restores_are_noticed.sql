-- On which server the database was when the sweep last asked (see `server_of`); null: it never has, or cannot. On
-- another one it was restored or copied: it gives numbers again that clients and readers have seen.
alter table stream_epoch add column server text;
