"""Backups of the cluster, and one service's database set back to a point of time."""
