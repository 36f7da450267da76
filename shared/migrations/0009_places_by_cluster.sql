-- migrate: no-transaction
-- Where a cluster holds what: two of them have the same places, and other rows there.

create index concurrently if not exists outbox_at on outbox (topic, partition, cluster, "offset")
where "offset" is not null;
