-- migrate: no-transaction
-- What a cluster has held, in the order in which another one is sent it again.

create index concurrently if not exists outbox_held on outbox (cluster, id)
where "offset" is not null;
