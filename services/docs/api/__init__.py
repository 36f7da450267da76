"""The HTTP face of docs: `create()` puts its routes together."""
