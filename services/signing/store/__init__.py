"""All SQL of signing: certificates, revocation lists, examinations and verdicts."""
