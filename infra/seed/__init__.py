"""The networks that come as seeds: `python -m infra.seed` writes their CSV files from the facts."""
