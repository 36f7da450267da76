-- What became of each document, so that it can be listed, told in order, and searched.

-- Agencies are found by the beginnings of words, in any order, without diacritics and case.
update agencies set folded = btrim(regexp_replace(folded, '[^a-z0-9._-]+', ' ', 'g'));
comment on column agencies.folded is
'Words of name and codes in lower case without diacritics, one space between: made by `agency.folded`.';
-- A few thousand rows.
-- squawk-ignore adding-field-with-default
alter table agencies add column words tsvector not null generated always as (
    array_to_tsvector(array_remove(string_to_array(folded, ' '), ''))
) stored;
create index agencies_words on agencies using gin (words) with (fastupdate = off);
create index agencies_in_order on agencies (code collate "C");

-- Business statuses as notify decided them: recorded, never refused, in whatever order they come.
create table statuses (
    delivery_id uuid not null,
    step integer not null,
    code text not null,
    dispatch_id uuid not null,
    document_id uuid not null,
    recipient_id uuid not null,
    acting_id uuid not null,
    reported_at timestamptz not null,
    trace_id text,
    primary key (delivery_id, step)
);
comment on table statuses is 'No foreign key: a status may be known before its delivery is (again).';
create index statuses_document on statuses (document_id);

alter table receipts add column trace_id text;
create index receipts_document on receipts (document_id);

-- Lists go along these columns only, never through a table of the past.
alter table deliveries
add column accepted_at timestamptz not null default now(),
add column status text not null default '',
add column status_step integer not null default 0,
add column status_at timestamptz;
-- No table has rows before the first release.
-- squawk-ignore adding-field-with-default
alter table deliveries add column stage integer not null generated always as (
    case status when '' then 0 when '01' then 1 when '02' then 2 when '03' then 3
        when '04' then 4 when '05' then 5 when '06' then 6 else 7 end
) stored;
comment on column deliveries.accepted_at is 'When its dispatch was accepted.';
comment on column deliveries.status is 'The latest status; 01 from the receipt on; empty: none yet.';
comment on column deliveries.status_step is 'The step of the latest status: an earlier one that comes later changes nothing.';
comment on column deliveries.stage is 'The status as a number, 7 for a code that is not known here: first part of the lists'' indexes.';

update deliveries as d set accepted_at = p.accepted_at from dispatches as p where p.id = d.dispatch_id;
update deliveries as d set status = '01', status_at = r.acknowledged_at
from receipts as r where r.delivery_id = d.id;

create index deliveries_sent on deliveries (sender_id, stage, accepted_at, id);
create index deliveries_received on deliveries (recipient_id, stage, cleared_at, id)
where sequence is not null;
create index deliveries_document_recipient on deliveries (document_id, recipient_id);
-- No table has rows before the first release.
-- squawk-ignore require-concurrent-index-deletion
drop index deliveries_document;

-- When notify was first seen at a number: from then on a delivery up to there is available.
create table sightings (
    agency_id uuid not null,
    lane text not null,
    sequence bigint not null,
    seen_at timestamptz not null default clock_timestamp(),
    primary key (agency_id, lane, sequence)
);
insert into sightings (agency_id, lane, sequence)
select agency_id, lane, sequence from seen_heads where sequence > 0;

-- What senders and recipients were told of a dispatch, as the outbox told it.
create table dispatch_changes (
    id uuid primary key,
    dispatch_id uuid not null,
    document_id uuid not null,
    sender_id uuid not null,
    change text not null,
    reason text,
    recipient_id uuid,
    successors uuid[] not null default '{}',
    at timestamptz not null default clock_timestamp(),
    trace_id text
);
create index dispatch_changes_document on dispatch_changes (document_id);
insert into dispatch_changes (id, dispatch_id, document_id, sender_id, change, reason, at)
select gen_random_uuid(), id, document_id, sender_id, state, reason, coalesce(cleared_at, verdict_at, now())
from dispatches where state in ('cleared', 'refused', 'withdrawn');

alter table statuses enable row level security;
alter table statuses force row level security;
create policy owner on statuses to docs_owner using (true) with check (true);
create policy worker on statuses to docs_worker using (true) with check (true);
create policy party on statuses for select to docs_app
using (exists (select 1 from deliveries as d where d.id = delivery_id));

alter table dispatch_changes enable row level security;
alter table dispatch_changes force row level security;
create policy owner on dispatch_changes to docs_owner using (true) with check (true);
create policy worker on dispatch_changes to docs_worker using (true) with check (true);
create policy sender on dispatch_changes for select to docs_app
using (sender_id = any ((select visible_agencies())::uuid[]));
-- A recipient learns only what it was told: that a verdict was withdrawn after its copy had its number.
create policy recipient on dispatch_changes for select to docs_app
using (change = 'withdrawn' and recipient_id = any ((select visible_agencies())::uuid[]));

-- A recipient may read how the files that it holds were judged.
create policy recipient on verdicts for select to docs_app
using (exists (
    select 1 from deliveries as d
    where d.dispatch_id = verdicts.dispatch_id and d.sequence is not null
        and d.recipient_id = any ((select visible_agencies())::uuid[])
));
create policy recipient on withdrawals for select to docs_app
using (exists (
    select 1 from deliveries as d
    where d.dispatch_id = withdrawals.dispatch_id and d.sequence is not null
        and d.recipient_id = any ((select visible_agencies())::uuid[])
));
