"""The outside: database, connections, queue, environment."""
