"""Contracts generated from the code, and whether a new form of one still fits the old."""
