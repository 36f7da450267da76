-- migrate: no-transaction

drop index concurrently if exists inbox_handled_at;
