-- Annexes of other kinds than PDF: their seal is a stored file of its own.

alter table examinations add column signature_sha256 text;
comment on column examinations.signature_sha256 is
'Of the detached seal (CMS, DER) that the file is judged by; null: a PDF, whose signatures are inside.';
