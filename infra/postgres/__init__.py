"""What belongs to PostgreSQL: its server settings, roles and databases."""
