-- Remote signing: requests, intents, tries of PINs, and who used which key for what (protocol.md 5, Sign).

create table signatures (
    id uuid primary key,
    document_id uuid not null,
    document_code text not null,
    attachment_id uuid not null,
    agency_id uuid not null,
    kind text not null check (kind in ('leader', 'seal')),
    role text not null check (role in ('MAIN', 'ANNEX')),
    certificate text not null check (certificate ~ '^[0-9a-f]{64}$'),
    source_sha256 text not null check (source_sha256 ~ '^[0-9a-f]{64}$'),
    source_size bigint not null,
    state text not null default 'requested' check (state in ('requested', 'intended', 'made', 'failed')),
    reason text,
    signed_sha256 text check (signed_sha256 ~ '^[0-9a-f]{64}$'),
    signed_size bigint,
    signed_at timestamptz,
    trace text,
    requested_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null default clock_timestamp() + interval '24 hours',
    ended_at timestamptz,
    check ((state = 'made') = (num_nulls(signed_sha256, signed_size, signed_at) = 0)),
    check ((state = 'failed') = (reason is not null)),
    check ((state in ('requested', 'intended')) = (ended_at is null))
);
comment on table signatures is 'Requests for signatures by kept keys; made or failed once, for good.';
comment on column signatures.certificate is 'No foreign key: whoever asks may name one that does not exist.';
comment on column signatures.expires_at is 'Past it the request fails and the draft thaws: none stays frozen for ever.';

create index signatures_open on signatures (expires_at) where state in ('requested', 'intended');

create table signature_intents (
    signature_id uuid primary key references signatures (id),
    prepared_sha256 text not null check (prepared_sha256 ~ '^[0-9a-f]{64}$'),
    gap_start bigint not null,
    gap_end bigint not null,
    attributes bytea not null,
    signing_time timestamptz not null,
    written_at timestamptz not null default clock_timestamp(),
    check (gap_start > 0 and gap_end > gap_start)
);
comment on table signature_intents is 'What a key is about to sign, written before it is used: a redo fills the same bytes.';
comment on column signature_intents.prepared_sha256 is 'The file with an empty gap for the signature; it lies in the blob store.';
comment on column signature_intents.attributes is 'The signed attributes (DER), which hold the digest of all but the gap.';

create table key_tries (
    certificate text primary key,
    failed integer not null check (failed between 0 and 5)
);
comment on table key_tries is 'PINs tried since the last right one; counted before the key file is touched; at 5 it is locked.';

create table key_uses (
    id bigint generated always as identity primary key,
    signature_id uuid not null,
    outcome text not null check (outcome in ('wrong_pin', 'activated', 'intended', 'released')),
    certificate text not null,
    person text,
    client_id text not null,
    agency_id uuid not null,
    sha256 text not null,
    at timestamptz not null default clock_timestamp()
);
comment on table key_uses is 'Who used which key, through which system, for which agency, when, and for which file.';
comment on column key_uses.person is 'Whose certificate it is; none for an organisation''s seal.';

create index key_uses_signature on key_uses (signature_id);

-- Nothing that the service does can change or take out what stands there.
revoke update, delete, truncate on key_uses from signing_app, signing_worker;

alter table signatures enable row level security;
alter table signatures force row level security;
alter table signature_intents enable row level security;
alter table signature_intents force row level security;
alter table key_tries enable row level security;
alter table key_tries force row level security;
alter table key_uses enable row level security;
alter table key_uses force row level security;

create policy signatures_owner on signatures to signing_owner using (true) with check (true);
create policy signatures_worker on signatures to signing_worker using (true) with check (true);
create policy signatures_app on signatures for select to signing_app
using (agency_id = any (string_to_array(current_setting('app.agencies', true), ',')::uuid[]));
create policy intents_owner on signature_intents to signing_owner using (true) with check (true);
create policy intents_worker on signature_intents to signing_worker using (true) with check (true);
create policy tries_owner on key_tries to signing_owner using (true) with check (true);
create policy tries_worker on key_tries to signing_worker using (true) with check (true);
create policy tries_app on key_tries for select to signing_app
using (exists (select 1 from certificates as c where c.sha256 = key_tries.certificate));
create policy uses_owner on key_uses to signing_owner using (true) with check (true);
create policy uses_worker on key_uses to signing_worker using (true) with check (true);
create policy uses_app on key_uses for select to signing_app
using (agency_id = any (string_to_array(current_setting('app.agencies', true), ',')::uuid[]));
