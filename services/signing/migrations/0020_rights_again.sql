-- What 0003, 0008 and 0012 took away was given back whenever the stack was started.

revoke update, delete, truncate on key_uses from signing_app, signing_worker;
revoke update, delete, truncate on trust_changes from signing_app, signing_worker;
grant update (state, decided_by, decided_at, version) on trust_changes to signing_worker;
revoke all on trust_imports from signing_app;
revoke delete, truncate on trust_imports from signing_worker;
