-- When this database came back older than it was.

alter table service_state add column restored_at timestamptz;
