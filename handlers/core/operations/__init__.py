"""One module for each operation: its statement, and what is made of the row."""
