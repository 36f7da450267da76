"""The stack in containers: what its images begin with, and the compose file made from its data."""
