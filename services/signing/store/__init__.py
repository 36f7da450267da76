"""All SQL of signing: certificates, revocation lists, examinations, verdicts, signatures."""
