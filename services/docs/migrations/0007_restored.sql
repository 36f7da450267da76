-- A database that came back older accepts and numbers nothing until it has taken over what others hold.

-- One row.
-- squawk-ignore adding-field-with-default
alter table database_epoch
add column recovering boolean not null default false,
add column restored_at timestamptz;
comment on column database_epoch.recovering is 'Entries and receipts of the lost time are still being taken over.';

-- The lives of notify's database in the order in which they were met; the last one is the present one.
create table notify_epochs (
    number bigint generated always as identity primary key,
    epoch uuid not null unique,
    first_seen_at timestamptz not null default now()
);
comment on table notify_epochs is 'What an earlier notify said does not count once a newer one was met.';
alter table notify_epochs enable row level security;
alter table notify_epochs force row level security;
create policy owner on notify_epochs to docs_owner using (true) with check (true);
create policy worker on notify_epochs to docs_worker using (true) with check (true);
