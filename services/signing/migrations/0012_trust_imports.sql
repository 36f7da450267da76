-- The newest export of another exchange's trust list that was imported, by whose key had signed it.

create table trust_imports (
    key text primary key,
    version bigint not null,
    made_at timestamptz not null
);

comment on table trust_imports is 'Older exports of a signer are refused: they would undo what was decided there since.';
comment on column trust_imports.key is 'SHA-256 of the signer''s name and public key, as in its certificate: one that was renewed has the same.';
comment on column trust_imports.version is 'Of the signer''s own list.';
comment on column trust_imports.made_at is 'By the signer''s own word.';

revoke all on trust_imports from signing_app;
revoke delete, truncate on trust_imports from signing_worker;
