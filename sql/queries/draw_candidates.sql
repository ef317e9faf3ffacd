-- name: draw_candidates
-- The candidates of a draw by their rank, so the winners come first. rank: in hexadecimal digits.
-- $1 bonus_id  $2 after_rank ('': from the start)  $3 limit (null: all)
select c.user_id, encode(c.rank, 'hex') as rank, c.rank <= d.last_rank as has_won
  from draw_candidates c join draws d on d.bonus_id = c.bonus_id
 where c.bonus_id = $1 and c.rank > decode($2, 'hex')
 order by c.rank limit $3;
