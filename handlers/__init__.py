"""What runs in Lambda: one edge file per function; `core` decides, `adapters` reach outside."""
