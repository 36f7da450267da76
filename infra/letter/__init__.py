"""Official papers in the layout of Decree 30/2020, for the demo and for tests."""
