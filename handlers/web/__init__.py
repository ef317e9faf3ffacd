"""The HTTP API: FastAPI routes that translate requests for `handlers.services`."""
