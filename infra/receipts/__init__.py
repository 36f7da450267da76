"""Receipts outside the exchange: a command verifies one with nothing but a root certificate."""
