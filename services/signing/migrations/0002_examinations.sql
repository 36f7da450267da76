-- Files to be examined, claims on them, and what was found (protocol.md 5, Examine).

create table examinations (
    dispatch_id uuid not null,
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    document_id uuid not null,
    document_code text not null,
    sender_id uuid not null,
    lane text not null check (lane in ('normal', 'urgent')),
    role text not null check (role in ('MAIN', 'ANNEX')),
    size bigint not null,
    requested_at timestamptz not null default clock_timestamp(),
    trace text,
    fence bigint not null default 0,
    claimed_until timestamptz,
    next_try_at timestamptz not null default clock_timestamp(),
    alone boolean not null default false,
    strikes int not null default 0,
    judgement int not null default 0,
    indication text check (indication in ('TOTAL-PASSED', 'TOTAL-FAILED', 'INDETERMINATE')),
    reason text,
    judged_at timestamptz,
    evidence_sha256 text,
    settled boolean not null default false,
    primary key (dispatch_id, sha256)
);

comment on column examinations.fence is 'Counts claims: what an older claim still writes is refused.';
comment on column examinations.claimed_until is 'Renewed while a worker is at it; past it anybody may claim the file.';
comment on column examinations.alone is 'A claim ended without a word: perhaps the file ended the process, so nothing runs beside it.';
comment on column examinations.strikes is 'Tries in which a worker met its own limits or its parser failed; three refuse the file.';
comment on column examinations.judgement is 'Counts verdicts of (dispatch, file); does not decide between them.';

create index examinations_waiting on examinations (lane, sender_id, requested_at) where not settled;
create index examinations_document on examinations (document_id);

create table verdicts (
    dispatch_id uuid not null,
    sha256 text not null,
    judgement int not null,
    sender_id uuid not null,
    indication text not null,
    reason text,
    judged_at timestamptz not null,
    evidence bytea not null,
    evidence_sha256 text not null,
    primary key (dispatch_id, sha256, judgement)
);

comment on table verdicts is 'Every verdict with its evidence, as bytes: what was checked, against what, when, with which versions.';

create index verdicts_evidence on verdicts (evidence_sha256);

create table verdict_certificates (
    certificate text not null,
    dispatch_id uuid not null,
    sha256 text not null,
    judgement int not null,
    primary key (certificate, dispatch_id, sha256, judgement)
);

comment on table verdict_certificates is 'Which good verdicts rest on which certificates: to be withdrawn with them.';

create table withdrawals (
    dispatch_id uuid primary key,
    document_id uuid not null,
    sender_id uuid not null,
    judgement int not null,
    certificate text not null,
    reason text not null,
    withdrawn_at timestamptz not null default clock_timestamp()
);

comment on table withdrawals is 'Dispatches whose good verdict no longer holds: for good.';

alter table examinations enable row level security;
alter table examinations force row level security;
alter table verdicts enable row level security;
alter table verdicts force row level security;
alter table withdrawals enable row level security;
alter table withdrawals force row level security;

create policy examinations_owner on examinations to signing_owner using (true) with check (true);
create policy examinations_worker on examinations to signing_worker using (true) with check (true);
create policy examinations_app on examinations for select to signing_app
    using (sender_id = any (string_to_array(current_setting('app.agencies', true), ',')::uuid[]));
create policy verdicts_owner on verdicts to signing_owner using (true) with check (true);
create policy verdicts_worker on verdicts to signing_worker using (true) with check (true);
create policy verdicts_app on verdicts for select to signing_app
    using (sender_id = any (string_to_array(current_setting('app.agencies', true), ',')::uuid[]));
create policy withdrawals_owner on withdrawals to signing_owner using (true) with check (true);
create policy withdrawals_worker on withdrawals to signing_worker using (true) with check (true);
create policy withdrawals_app on withdrawals for select to signing_app
    using (sender_id = any (string_to_array(current_setting('app.agencies', true), ',')::uuid[]));
