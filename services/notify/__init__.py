"""Notify: mailboxes: their entries, leases, receipts and events."""
