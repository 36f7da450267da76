"""What all services need and none owns: events, transport, identity, errors."""
