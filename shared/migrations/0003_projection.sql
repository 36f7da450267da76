-- What every service knows of agencies and clients. Nothing has a foreign key to a projection.

create table known_agencies (
    id uuid primary key,
    code text not null,
    code_qcvn102 text,
    old_codes text[] not null default '{}',
    level text not null,
    parent_id uuid,
    state text not null,
    valid_from date not null,
    valid_to date,
    successors uuid[] not null default '{}',
    version bigint not null
);

create index known_agencies_code on known_agencies (code);
create index known_agencies_code_qcvn102 on known_agencies (code_qcvn102);
create index known_agencies_old_codes on known_agencies using gin (old_codes);
create index known_agencies_parent on known_agencies (parent_id);
create index known_agencies_successors on known_agencies using gin (successors);
create index known_agencies_version on known_agencies (version);

create table known_clients (
    client_id text primary key,
    state text not null,
    agencies text[] not null,
    scopes text[] not null,
    not_before timestamptz not null,
    version bigint not null
);

create index known_clients_version on known_clients (version);
