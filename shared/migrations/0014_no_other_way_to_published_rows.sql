-- migrate: no-transaction

drop index concurrently if exists outbox_published_at;
