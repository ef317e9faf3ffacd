"""What would stop so many connections on this machine, and how to change it."""
