"""A gateway node: sockets and HTTP, and what the core decides about them, carried out."""
