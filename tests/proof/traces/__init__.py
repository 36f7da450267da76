"""`make traces`: every document's journey is one trace, and tracing that fails changes nothing."""
