"""What a template says in expressions: selection, mapping, request parameters, and Velocity."""
