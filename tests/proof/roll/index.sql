-- migrate: no-transaction
create index concurrently if not exists dispatches_decided_since on dispatches (sender_id, lane, decided_at)
where state in ('waiting', 'held', 'clearing') and verdict is not null;
