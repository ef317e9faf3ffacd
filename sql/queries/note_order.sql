-- name: note_order
-- An order that the database does not carry out itself is in the audit before it is.
-- $1 author  $2 source  $3 operation  $4 subject  $5 reason
insert into audit (author, source, operation, subject, reason) values ($1, $2, $3, $4, $5) returning id;
