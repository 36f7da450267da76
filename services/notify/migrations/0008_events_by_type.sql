-- migrate: no-transaction
-- Who asks for one type does not walk through all the others.

create index concurrently if not exists events_by_type on events (agency_id, epoch, type, number);
