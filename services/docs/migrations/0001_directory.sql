-- The directory of agencies. Open to every caller with the scope `directory`, so no row-level security.

create table directory (
    id boolean primary key default true check (id),
    version bigint not null default 0,
    seed text
);
comment on table directory is 'One row, locked by whoever changes any agency: versions become visible in their order.';
comment on column directory.seed is 'SHA-256 of the seed file that filled this directory.';

insert into directory default values;

create table agencies (
    id uuid primary key,
    code text not null unique check (length(code) between 1 and 35),
    code_qcvn102 text unique check (length(code_qcvn102) between 1 and 35),
    old_codes text[] not null default '{}',
    name text not null check (length(name) between 1 and 200),
    folded text not null,
    level text not null check (level <> ''),
    parent_id uuid references agencies (id) deferrable initially deferred,
    state text not null check (state in ('active', 'suspended', 'closed')),
    valid_from date not null,
    valid_to date check (valid_to >= valid_from),
    successors uuid[] not null default '{}',
    synthetic boolean not null default false,
    version bigint not null unique
);
comment on column agencies.folded is 'Name and codes in lower case without diacritics, for searching.';
comment on column agencies.valid_to is 'The first day on which the agency no longer exists.';
comment on column agencies.synthetic is 'Name or code was made by a rule: no published list gives it.';
comment on column agencies.version is 'The version of the directory at the last change of this row.';

create index agencies_parent on agencies (parent_id);
create index agencies_level on agencies (level, code);

create table agency_codes (
    code text primary key,
    agency_id uuid not null references agencies (id) deferrable initially deferred
);
comment on table agency_codes is 'Every code that names or has named an agency, in any form: none is ever given to another.';

create index agency_codes_agency on agency_codes (agency_id);
