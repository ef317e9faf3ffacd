"""Bytes and sockets: WebSocket frames, HTTP, TLS, and the channel between processes."""
