"""Validation of signatures after ETSI EN 319 102-1: pure functions of a file and its material."""
