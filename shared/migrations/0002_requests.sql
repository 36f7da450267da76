-- First answers of requests, kept for their repetitions (protocol.md 5, Idempotency).

create table idempotency (
    client_id text not null,
    agency uuid not null,
    method text not null,
    path text not null,
    key text not null,
    digest bytea not null,
    status int,
    headers jsonb,
    body bytea,
    created_at timestamptz not null default clock_timestamp(),
    primary key (client_id, agency, method, path, key)
);

comment on column idempotency.agency is 'The acting agency; all zeros when the client acts as itself.';
comment on column idempotency.status is 'Filled in at the end of the transaction that began with this row.';

create index idempotency_created_at on idempotency (created_at);
