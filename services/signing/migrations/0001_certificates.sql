-- Certificates as they were registered, and the revocation lists that were published.

create table certificates (
    sha256 text primary key check (sha256 ~ '^[0-9a-f]{64}$'),
    der bytea not null,
    serial numeric not null,
    issuer text not null check (issuer in ('root', 'issuing')),
    kind text not null check (kind in ('authority', 'leader', 'seal', 'protocol')),
    agency_code text,
    agency_id uuid,
    person text,
    not_before timestamptz not null,
    not_after timestamptz not null,
    state text not null default 'good' check (state in ('good', 'suspended', 'revoked')),
    reason text,
    revoked_at timestamptz,
    changed_in bigint not null default 0,
    withdrawing boolean not null default false,
    registered_at timestamptz not null default clock_timestamp(),
    check (kind not in ('leader', 'seal') or agency_code is not null),
    check ((state = 'good') = (revoked_at is null))
);

comment on table certificates is 'Who may sign for whom: this row decides, never a name in the certificate.';
comment on column certificates.agency_code is 'The code under which it was registered; agency_id stays when codes change.';
comment on column certificates.agency_id is 'Filled in once the directory''s projection knows the code.';
comment on column certificates.changed_in is 'Number of the revocation list in which its state last changed (its revocation version).';
comment on column certificates.withdrawing is 'Revoked, and good verdicts that used it are still being withdrawn.';

create index certificates_agency on certificates (agency_id);
create index certificates_unbound on certificates (agency_code) where agency_id is null and agency_code is not null;
create index certificates_revoked on certificates (issuer) where state <> 'good';
create index certificates_withdrawing on certificates (sha256) where withdrawing;

create table authorities (
    name text primary key check (name in ('root', 'issuing')),
    list_number bigint not null default 0
);

comment on table authorities is 'One row per CA, locked by whoever makes its next revocation list.';

insert into authorities (name) values ('root'), ('issuing');

create table revocation_lists (
    authority text not null references authorities (name),
    number bigint not null,
    this_update timestamptz not null,
    next_update timestamptz not null,
    der bytea not null,
    primary key (authority, number)
);

alter table certificates enable row level security;
alter table certificates force row level security;

create policy certificates_owner on certificates to signing_owner using (true) with check (true);
create policy certificates_worker on certificates to signing_worker using (true) with check (true);
create policy certificates_app on certificates for select to signing_app
    using (agency_id = any (string_to_array(current_setting('app.agencies', true), ',')::uuid[]));
