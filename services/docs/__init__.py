"""Documents: the agency directory, documents, dispatches, and where each delivery stands."""
