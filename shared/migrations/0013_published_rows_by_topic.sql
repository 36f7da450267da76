-- migrate: no-transaction
-- Each topic's rows are kept for a time of their own: what is due is at the beginning of each.

create index concurrently if not exists outbox_published on outbox (topic, published_at)
where published_at is not null;
