\set user random(1, :rows)
update beats set last_seen = clock_timestamp() where user_id = 'user-' || :user;
