"""The use cases, each of them once: what happens in the database, the queue and the gateway."""
