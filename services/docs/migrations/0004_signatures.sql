-- Signatures asked for by keys that signing keeps: while one is open its draft is frozen.

create table signatures (
    id uuid primary key,
    document_id uuid not null references documents (id) on delete cascade,
    attachment_id uuid not null,
    sender_id uuid not null,
    client_id text not null,
    kind text not null check (kind in ('leader', 'seal')),
    certificate text not null check (certificate ~ '^[0-9a-f]{64}$'),
    source_sha256 text not null check (source_sha256 ~ '^[0-9a-f]{64}$'),
    source_size bigint not null,
    state text not null default 'requested' check (state in ('requested', 'made', 'applied', 'failed')),
    reason text,
    signed_sha256 text check (signed_sha256 ~ '^[0-9a-f]{64}$'),
    signed_size bigint,
    signed_at timestamptz,
    requested_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    check ((state in ('requested', 'made')) = (ended_at is null)),
    check (state not in ('made', 'applied') or num_nulls(signed_sha256, signed_size, signed_at) = 0),
    check ((state = 'failed') = (reason is not null))
);
comment on column signatures.state is
'requested, then made (signing has released it, its file is still to be hashed here), then applied; or failed. The first two freeze the draft.';
comment on column signatures.source_sha256 is 'The file as it was when it was asked for: the signature is applied to no other.';
comment on column signatures.reason is 'Why there is none: a code of the problem table.';

create unique index signatures_open on signatures (document_id) where state in ('requested', 'made');
create index signatures_document on signatures (document_id, id);

alter table signatures enable row level security;
alter table signatures force row level security;
create policy owner on signatures to docs_owner using (true) with check (true);
create policy worker on signatures to docs_worker using (true) with check (true);
create policy sender on signatures to docs_app
using (sender_id = any ((select visible_agencies())::uuid[]))
with check (sender_id = any ((select visible_agencies())::uuid[]));
