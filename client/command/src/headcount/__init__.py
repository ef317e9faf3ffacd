"""The command of Headcount: `headcount --help`."""
