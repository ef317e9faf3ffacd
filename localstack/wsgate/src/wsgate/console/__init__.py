"""The page at /_wsgate: what it shows, what it can do, and the journal behind it."""
