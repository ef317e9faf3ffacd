-- The next user hides the page, or in the next round shows it again. Each client has users of its own.
\set turn :turn + 1
\set user (:turn % :users_of_a_client) * :clients + :client_id
\set change 2 + :turn / :users_of_a_client
select outcome from visibility(
    'user-' || :user, 'a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/live', 'connection-' || :user,
    :change % 2 = 1, :change, '200 milliseconds', 50, '1 minute');
