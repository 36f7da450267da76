-- migrate: no-transaction
-- Served the order in which files were claimed before.

drop index concurrently if exists examinations_waiting;
