-- Whose certificates an authority issues: one that was renewed has a second name, and the same key.

alter table authorities add column key text;
comment on column authorities.key is
'SHA-256 of its name and public key as they stand in its certificate: what is signed by one is signed by all that have it. Null: not looked up yet.';
