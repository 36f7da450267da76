"""The four services of the exchange; they know each other only through events."""
