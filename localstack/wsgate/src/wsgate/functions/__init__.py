"""How functions run: execution environments on this machine, or another Invoke API."""
