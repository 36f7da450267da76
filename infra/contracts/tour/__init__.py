"""A tour of every operation on a running stack: where the document's examples come from."""
