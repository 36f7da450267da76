-- What every service knows of agencies and clients, and the answers it has already given.

create table known_agencies (
    agency_id uuid primary key,
    code text not null,
    code_qcvn102 text,
    old_codes text [] not null,
    level text not null,
    parent_id uuid,
    state text not null,
    valid_from date not null,
    valid_to date,
    successors uuid [] not null,
    version bigint not null
);
create index known_agencies_by_code on known_agencies (code);
create index known_agencies_by_qcvn102 on known_agencies (code_qcvn102);
create index known_agencies_by_old_code on known_agencies using gin (old_codes);
create index known_agencies_by_successor on known_agencies using gin (successors);
create index known_agencies_by_version on known_agencies (version);

create table known_clients (
    client_id text primary key,
    state text not null,
    agencies text [] not null,
    scopes text [] not null,
    not_before timestamptz not null,
    version bigint not null
);
create index known_clients_by_version on known_clients (version);

create table idempotency (
    client_id text not null,
    -- The acting agency; the nil UUID for clients that act for none (registrar, operator).
    agency_id uuid not null,
    method text not null,
    path text not null,
    key text not null,
    digest bytea not null,
    -- Null until the transaction that began the row fills in the answer, just before its commit.
    status integer,
    location text,
    etag text,
    media_type text,
    body bytea,
    created_at timestamptz not null default now(),
    primary key (client_id, agency_id, method, path, key)
);
create index idempotency_by_age on idempotency (created_at);
alter table idempotency enable row level security;
alter table idempotency force row level security;

-- The roles carry the service's name, as the role that runs this does.
do $$
declare
    service text := regexp_replace(current_user, '_owner$', '');
begin
    execute format(
        'create policy own_answers on idempotency to %I using ('
        'agency_id = ''00000000-0000-0000-0000-000000000000'' or agency_id = any('
        'string_to_array(nullif(current_setting(''app.agencies'', true), ''''), '','')::uuid[]))',
        service || '_app'
    );
    execute format(
        'create policy every_answer on idempotency to %I, %I using (true) with check (true)',
        service || '_worker', service || '_owner'
    );
end
$$;
