\set n :n + 1
\set user :client_id * :each + :n
