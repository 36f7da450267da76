"""Signing: certificates, keys, and verdicts on signed files."""
