-- Docs keeps a digest of what people wrote with a status: whatever is changed here later is found by the audit.

alter table statuses add column salt bytea;
comment on column statuses.salt is 'Part of that digest, so that nobody can guess names by it. Null: it came back after a restore.';
