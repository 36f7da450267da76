"""The SQL of docs, one module per kind of row."""
