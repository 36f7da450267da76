"""`make forge`: no token but our own opens any door, by any way an attacker has ever found."""
