-- A signature was made, or refused, whatever becomes of its draft: its row is evidence and stays.

-- Old code relies on nothing here: it deletes drafts, and never a row of signatures.
-- squawk-ignore ban-drop-constraint
alter table signatures drop constraint signatures_document_id_fkey;
comment on column signatures.document_id is 'The draft it was asked for, which may have been deleted since.';
