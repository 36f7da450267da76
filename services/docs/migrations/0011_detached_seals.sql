-- Annexes of other kinds than PDF come with a detached seal, which is stored beside the file.

alter table attachments add column signature_sha256 text;
comment on column attachments.signature_sha256 is
'Of the detached seal (CMS, DER), a stored file of its own; null for a PDF, whose seal is inside.';
-- New rows only, at once: no row has one yet, and old code writes none.
alter table attachments add constraint attachments_sealed check (
    signature_sha256 is null
    or (signature_sha256 ~ '^[0-9a-f]{64}$' and role = 'ANNEX' and media_type <> 'application/pdf')
) not valid;
