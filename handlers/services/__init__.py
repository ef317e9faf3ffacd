"""Use cases: what the functions and the HTTP API do, each once."""
