"""Reports on stored verdicts: from their evidence to ETSI's form, and to words on paper (pure)."""
