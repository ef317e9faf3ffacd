"""A local AWS API Gateway for WebSocket APIs, read from a SAM template."""
