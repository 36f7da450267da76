-- migrate: no-transaction
-- A list of drafts walks over nothing that its sender has sent.

create index concurrently if not exists documents_drafts on documents (sender_id, id) where state = 'draft';
