"""What calls functions besides the gateway: queues and schedules."""
