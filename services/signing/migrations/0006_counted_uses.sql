-- How often a key was used for a signature: a use that is taken out, or put in, no longer fits the count.

alter table signatures add column uses bigint not null default 0;
comment on column signatures.uses is 'Rows of key_uses for this signature, counted as they are written.';

update signatures as s
set uses = (select count(*) from key_uses as u where u.signature_id = s.id)
where exists (select from key_uses as u where u.signature_id = s.id);
