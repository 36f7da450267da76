"""All SQL of notify: lanes and entries, leases, receipts, events, the service's own state."""
