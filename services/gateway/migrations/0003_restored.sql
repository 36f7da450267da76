-- Which life of this database it is, and whether it still lacks what was known before a restore.

create table service_state (
    only_row boolean primary key default true check (only_row),
    epoch uuid not null default gen_random_uuid(),
    recovering boolean not null default false,
    restored_at timestamptz
);
comment on column service_state.epoch is 'A restore begins a new, random one.';
insert into service_state default values;
