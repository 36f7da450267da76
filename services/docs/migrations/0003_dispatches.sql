-- Dispatches, what was judged of them, and where each recipient's copy stands.

create table database_epoch (
    id boolean primary key default true check (id),
    epoch uuid not null default gen_random_uuid()
);
comment on table database_epoch is 'One row: which life of this database it is. A restore draws a new one.';

insert into database_epoch default values;

create table turns (
    sender_id uuid not null,
    lane text not null check (lane in ('normal', 'urgent')),
    last_turn bigint not null default 0,
    primary key (sender_id, lane)
);
comment on table turns is 'Its row is the first lock of whoever gives a turn or clears (protocol: lock order).';

create table dispatches (
    id uuid primary key,
    document_id uuid not null,
    document_code text not null,
    sender_id uuid not null,
    sender_code text not null,
    lane text not null check (lane in ('normal', 'urgent')),
    urgency text not null,
    turn bigint,
    state text not null check (
        state in ('waiting', 'held', 'clearing', 'cleared', 'refused', 'withdrawn')
    ),
    reason text,
    verdict text check (verdict in ('good', 'bad', 'withdrawn')),
    verdict_at timestamptz,
    recipients integer not null,
    files jsonb not null,
    warnings jsonb not null default '[]',
    accepted_at timestamptz not null default now(),
    asked_at timestamptz not null default now(),
    cleared_at timestamptz,
    traceparent text,
    adopted boolean not null default false,
    check ((verdict is null) = (verdict_at is null)),
    check (adopted or turn is not null),
    unique (sender_id, lane, turn)
);
comment on column dispatches.turn is 'Its place among the sender''s dispatches of this lane; none for one known only by its entries.';
comment on column dispatches.reason is 'Why it was refused or withdrawn: a code of the problem table.';
comment on column dispatches.verdict is 'Of all its files together; null while any is without a verdict.';
comment on column dispatches.files is 'Frozen: id, role, media_type, size, sha256 of each.';
comment on column dispatches.asked_at is 'When signing was last asked for a verdict.';
comment on column dispatches.adopted is 'Known only by an entry that notify held when this database came back older.';

create index dispatches_queue on dispatches (sender_id, lane, turn)
where state in ('waiting', 'held', 'clearing');
create index dispatches_decided on dispatches (sender_id, lane, verdict_at)
where state in ('waiting', 'held', 'clearing') and verdict is not null;
create index dispatches_unanswered on dispatches (asked_at)
where state in ('waiting', 'held') and verdict is null;
create index dispatches_document on dispatches (document_id);

create table deliveries (
    id uuid primary key,
    dispatch_id uuid not null references dispatches (id),
    document_id uuid not null,
    sender_id uuid not null,
    recipient_id uuid not null,
    recipient_code text not null,
    level text not null,
    lane text not null,
    reason text,
    successors uuid[] not null default '{}',
    sequence bigint check (sequence > 0),
    previous_hash bytea,
    hash bytea,
    entry bytea,
    cleared_at timestamptz,
    check (num_nulls(sequence, previous_hash, hash, entry, cleared_at) in (0, 5)),
    check (sequence is null or reason is null),
    unique (dispatch_id, recipient_id),
    unique (recipient_id, lane, sequence)
);
comment on column deliveries.reason is 'Why it failed for good: a code of the problem table.';
comment on column deliveries.successors is 'Of an agency that was closed before its copy was numbered.';
comment on column deliveries.entry is 'The entry''s bytes: made once, hashed, served unchanged.';

create index deliveries_queue on deliveries (dispatch_id, recipient_id)
where sequence is null and reason is null;
create index deliveries_document on deliveries (document_id);

create table mailbox_heads (
    agency_id uuid not null,
    lane text not null check (lane in ('normal', 'urgent')),
    sequence bigint not null default 0,
    hash bytea not null,
    primary key (agency_id, lane)
);
comment on table mailbox_heads is 'The last number given in a lane and its hash; locked sorted, last of all locks.';

create table seen_heads (
    agency_id uuid not null,
    lane text not null check (lane in ('normal', 'urgent')),
    sequence bigint not null,
    hash bytea not null,
    epoch uuid not null,
    hinted_at timestamptz,
    primary key (agency_id, lane)
);
comment on table seen_heads is 'How far notify said it has come: a delivery up to here is available.';
comment on column seen_heads.hinted_at is 'When the newest entry of a lane that lags was last sent again.';

create table verdicts (
    dispatch_id uuid not null,
    sha256 text not null,
    judgement integer not null,
    indication text not null check (
        indication in ('TOTAL-PASSED', 'TOTAL-FAILED', 'INDETERMINATE')
    ),
    reason text,
    judged_at timestamptz not null,
    evidence_sha256 text not null,
    received_at timestamptz not null default clock_timestamp(),
    primary key (dispatch_id, sha256, judgement, indication)
);
comment on table verdicts is 'No foreign key: a verdict may be known before its dispatch is (again).';

create table withdrawals (
    dispatch_id uuid primary key,
    judgement integer not null,
    reason text not null,
    received_at timestamptz not null default clock_timestamp()
);
comment on table withdrawals is 'For the dispatch and for good; may come before the verdict, and before the dispatch.';

create table receipts (
    delivery_id uuid primary key,
    dispatch_id uuid not null,
    document_id uuid not null,
    recipient_id uuid not null,
    acting_id uuid not null,
    acknowledged_at timestamptz not null,
    receipt text not null
);
comment on column receipts.receipt is 'The signed receipt, byte for byte what the recipient holds.';

create index receipts_recipient on receipts (recipient_id, delivery_id);

-- Row-level security. Only the policies of dispatches and deliveries decide by agency; the others look through them,
-- and these two look at no other table, so nothing recurses.

alter table turns enable row level security;
alter table turns force row level security;
create policy owner on turns to docs_owner using (true) with check (true);
create policy worker on turns to docs_worker using (true) with check (true);
create policy sender on turns to docs_app
using (sender_id = any ((select visible_agencies())::uuid[]))
with check (sender_id = any ((select visible_agencies())::uuid[]));

alter table dispatches enable row level security;
alter table dispatches force row level security;
create policy owner on dispatches to docs_owner using (true) with check (true);
create policy worker on dispatches to docs_worker using (true) with check (true);
create policy sender on dispatches to docs_app
using (sender_id = any ((select visible_agencies())::uuid[]))
with check (sender_id = any ((select visible_agencies())::uuid[]));

alter table deliveries enable row level security;
alter table deliveries force row level security;
create policy owner on deliveries to docs_owner using (true) with check (true);
create policy worker on deliveries to docs_worker using (true) with check (true);
create policy sender on deliveries to docs_app
using (sender_id = any ((select visible_agencies())::uuid[]))
with check (sender_id = any ((select visible_agencies())::uuid[]));
create policy recipient on deliveries for select to docs_app
using (sequence is not null and recipient_id = any ((select visible_agencies())::uuid[]));

-- What a mailbox holds is told to its agency by notify; requests only learn how far notify has come.
alter table mailbox_heads enable row level security;
alter table mailbox_heads force row level security;
create policy owner on mailbox_heads to docs_owner using (true) with check (true);
create policy worker on mailbox_heads to docs_worker using (true) with check (true);

alter table verdicts enable row level security;
alter table verdicts force row level security;
create policy owner on verdicts to docs_owner using (true) with check (true);
create policy worker on verdicts to docs_worker using (true) with check (true);
create policy sender on verdicts for select to docs_app
using (exists (select 1 from dispatches as d where d.id = dispatch_id));

alter table withdrawals enable row level security;
alter table withdrawals force row level security;
create policy owner on withdrawals to docs_owner using (true) with check (true);
create policy worker on withdrawals to docs_worker using (true) with check (true);
create policy sender on withdrawals for select to docs_app
using (exists (select 1 from dispatches as d where d.id = dispatch_id));

alter table receipts enable row level security;
alter table receipts force row level security;
create policy owner on receipts to docs_owner using (true) with check (true);
create policy worker on receipts to docs_worker using (true) with check (true);
create policy party on receipts for select to docs_app
using (exists (select 1 from deliveries as d where d.id = delivery_id));

-- A recipient comes to the document and its files by its numbered delivery, never by the sender's list.
create policy recipient on documents for select to docs_app
using (exists (
    select 1 from deliveries as d
    where d.document_id = documents.id and d.sequence is not null
        and d.recipient_id = any ((select visible_agencies())::uuid[])
));
create policy recipient on attachments for select to docs_app
using (exists (
    select 1 from deliveries as d
    where d.document_id = attachments.document_id and d.sequence is not null
        and d.recipient_id = any ((select visible_agencies())::uuid[])
));
