"""One module for each command. Its `command` is what `headcount NAME` runs."""
