"""What answers plain HTTP: @connections, Invoke, HTTP APIs, faults and pages."""
