"""`make audit`: what the services keep is held against each other, offline, to the first change."""
