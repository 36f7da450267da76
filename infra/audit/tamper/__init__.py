"""`make audit TAMPER=1000`: random changes of tables and files; the audit has to find each."""
