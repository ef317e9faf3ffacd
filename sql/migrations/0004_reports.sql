-- Reports over an interval.
--
-- Sessions that cross an interval end after it begins, and begin before it ends: by themselves these
-- two conditions leave every session since then to be looked at. But most sessions are short: one
-- that crosses it and is not longer than four hours ends within four hours of it. The few longer
-- ones have an index of their own. So nothing has to be kept in step, and one session of a month
-- makes no report slower. (The ranges over both times, with GiST, cost each write more than all the
-- other indexes together.)
create index past_sessions_long on past_sessions (terminate_at, join_at)
    where terminate_at - join_at > interval '4 hours';
