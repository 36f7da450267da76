-- Connected systems, their keys and traffic. No agency's documents: no row-level security.

create table client_versions (
    id boolean primary key default true check (id),
    version bigint not null default 0
);
comment on table client_versions is 'One row, locked by whoever changes any client: versions become visible in their order.';

insert into client_versions default values;

create table clients (
    client_id text primary key check (length(client_id) between 1 and 100),
    state text not null check (state in ('active', 'revoked')),
    agencies text[] not null check (cardinality(agencies) <= 200),
    scopes text[] not null,
    jwks jsonb not null,
    secret_sha256 bytea,
    not_before timestamptz not null default clock_timestamp(),
    version bigint not null unique,
    seed_digest bytea,
    changed_at timestamptz not null default clock_timestamp()
);
comment on column clients.agencies is 'Codes of the agencies it may act for.';
comment on column clients.not_before is 'Tokens issued before this moment are refused.';
comment on column clients.seed_digest is 'Of the row of the bootstrap file that made it; another digest is taken over again.';

create table assertions (
    client_id text not null,
    jti text not null,
    expires_at timestamptz not null,
    primary key (client_id, jti)
);
comment on table assertions is 'Client assertions that were used once (RFC 7523 3): a second use is refused until they expire.';

create index assertions_expires_at on assertions (expires_at);

create table token_keys (
    kid text primary key,
    jwk jsonb not null,
    published_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp()
);
comment on column token_keys.published_at is 'A key signs only some time after this, when everyone can know it.';
comment on column token_keys.seen_at is 'When it last lay in the folder; it stays published until its last tokens have ended.';

create table connection_points (
    client_id text primary key,
    requests bigint not null default 0,
    errors bigint not null default 0,
    bytes_in bigint not null default 0,
    bytes_out bigint not null default 0,
    last_seen timestamptz not null
);
comment on table connection_points is 'Summed in memory and written every 5 s: a killed instance loses what it had not written.';
