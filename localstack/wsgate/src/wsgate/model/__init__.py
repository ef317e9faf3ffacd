"""The values that everything speaks of: plan, limits, ids, events, the port to functions."""
