-- migrate: no-transaction
-- What the relay asks for, and nothing else: an index that held parked rows as well was taken for
-- finding those, each time row by row, when thousands were set back and the statistics knew of none.

create index concurrently if not exists outbox_waiting on outbox (id)
where published_at is null and parked_at is null;
