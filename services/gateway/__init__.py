"""Gateway: the only door: tokens, the route table, and forwarding."""
