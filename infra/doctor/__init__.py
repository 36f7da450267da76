"""`make doctor`: looks at a running stack from where an operator can, and says what to do."""
