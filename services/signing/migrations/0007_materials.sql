-- What verdicts rest on, kept for as long as they are: policies, authorities' certificates, revocation data, detached signatures.

create table materials (
    sha256 text primary key check (sha256 ~ '^[0-9a-f]{64}$'),
    kind text not null check (kind in ('policy', 'certificate', 'crl', 'ocsp', 'cms')),
    content bytea not null,
    kept_at timestamptz not null default clock_timestamp()
);

comment on table materials is 'By digest, as evidence names it: each piece once, however many verdicts rest on it.';
