"""API Gateway's connection-management API: signed calls, retries, and a circuit breaker."""
