-- Reports count by one of two clocks: these take one word more.
drop function if exists clips_between(timestamptz, timestamptz, timestamptz, text, text[], boolean);
drop function if exists audience_clips(timestamptz, timestamptz, timestamptz, text[], timestamptz[]);
delete from migrations where name in ('functions/report/clips_between.sql', 'functions/report/audience_clips.sql');
