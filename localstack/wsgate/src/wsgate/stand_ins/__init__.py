"""The template's tables, buckets and topics on a local moto (`--moto`)."""
