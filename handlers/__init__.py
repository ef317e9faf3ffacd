"""What runs in Lambda: one edge file per happening; `core` decides, `adapters` reach outside."""
