-- Documents and their files. A sender sees its own; recipients come in with their deliveries.

create function visible_agencies() returns uuid[]
language sql stable
return string_to_array(current_setting('app.agencies', true), ',')::uuid[];
comment on function visible_agencies() is 'Whose rows this transaction may see; none when nothing was set.';

create table documents (
    id uuid primary key,
    sender_id uuid not null,
    state text not null default 'draft' check (state in ('draft', 'dispatched')),
    number text not null check (length(number) between 1 and 11),
    notation text not null check (length(notation) between 1 and 30),
    code text not null generated always as (number || '/' || notation) stored,
    type text not null check (length(type) between 1 and 100),
    subject text not null check (length(subject) between 1 and 500),
    promulgated_on date not null,
    urgency text not null check (
        urgency in ('normal', 'urgent', 'very_urgent', 'express', 'express_timed')
    ),
    due_on date,
    classification text not null check (classification = 'none'),
    signer_name text check (length(signer_name) between 1 and 50),
    signer_position text check (length(signer_position) between 1 and 100),
    signer_competence text check (length(signer_competence) between 1 and 100),
    recipients jsonb not null default '[]',
    version integer not null default 1,
    client_id text not null,
    created_at timestamptz not null default now()
);
comment on column documents.recipients is 'As the sender named them; a dispatch resolves and freezes them.';
comment on column documents.version is 'Counts the changes of a draft: its ETag.';

create index documents_sender on documents (sender_id, id);
create index documents_code on documents (sender_id, code, promulgated_on);

create table attachments (
    id uuid primary key,
    document_id uuid not null references documents (id) on delete cascade,
    sender_id uuid not null,
    role text not null check (role in ('MAIN', 'ANNEX')),
    position integer not null,
    name text not null check (length(name) between 1 and 255),
    media_type text not null,
    size bigint not null check (size > 0),
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    blocks bytea,
    stored_at timestamptz,
    check ((blocks is null) = (stored_at is null)),
    unique (document_id, position)
);
comment on column attachments.blocks is
'SHA-256 of each 1 MiB block, made from the bytes that this sender itself sent; null: announced, not stored.';

create unique index attachments_one_main on attachments (document_id) where role = 'MAIN';

alter table documents enable row level security;
alter table documents force row level security;
create policy owner on documents to docs_owner using (true) with check (true);
create policy worker on documents to docs_worker using (true) with check (true);
create policy sender on documents to docs_app
using (sender_id = any ((select visible_agencies())::uuid[]))
with check (sender_id = any ((select visible_agencies())::uuid[]));

alter table attachments enable row level security;
alter table attachments force row level security;
create policy owner on attachments to docs_owner using (true) with check (true);
create policy worker on attachments to docs_worker using (true) with check (true);
create policy sender on attachments to docs_app
using (sender_id = any ((select visible_agencies())::uuid[]))
with check (sender_id = any ((select visible_agencies())::uuid[]));
