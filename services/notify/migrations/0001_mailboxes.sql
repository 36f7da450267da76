-- Mailboxes: the entries of each (agency, lane), who holds what waits, receipts, and events.

create table service_state (
    only_row boolean primary key default true check (only_row),
    epoch uuid not null default gen_random_uuid(),
    recovering boolean not null default false
);
comment on column service_state.epoch is 'A restore begins a new, random one; event numbers belong to it.';
insert into service_state default values;

-- The epochs of docs in the order in which they were seen; the last one is the present one.
create table docs_epochs (
    number bigint generated always as identity primary key,
    epoch uuid not null unique,
    first_seen_at timestamptz not null default now()
);

create table lanes (
    agency_id uuid not null,
    lane text not null check (lane in ('normal', 'urgent')),
    sequence bigint not null default 0,
    hash bytea not null,
    behind bigint,
    stopped text,
    primary key (agency_id, lane)
);
comment on column lanes.behind is 'Highest number seen that is not here; only catch-up takes it back.';
create index lanes_behind on lanes (agency_id, lane) where behind is not null;

create table entries (
    agency_id uuid not null,
    lane text not null,
    sequence bigint not null,
    previous_hash bytea not null,
    hash bytea not null,
    content bytea not null,
    delivery_id uuid not null unique,
    dispatch_id uuid not null,
    document_id uuid not null,
    sender_id uuid not null,
    level text not null,
    traceparent text,
    arrived_at timestamptz not null default clock_timestamp(),
    primary key (agency_id, lane, sequence)
);

-- Deliveries that wait for their acknowledgement, each with the hold that one worker may have.
create table waiting (
    delivery_id uuid primary key,
    agency_id uuid not null,
    lane text not null,
    sequence bigint not null,
    position bigint generated always as identity,
    attempt integer not null default 0,
    lease_id uuid unique,
    client_id text,
    leased_until timestamptz
);
create index waiting_by_agency on waiting (agency_id, lane, position);

-- No foreign key to entries: after a restore a receipt may come back before its entry.
create table receipts (
    delivery_id uuid primary key,
    dispatch_id uuid not null,
    document_id uuid not null,
    agency_id uuid not null,
    sender_id uuid not null,
    acting_agency_id uuid not null,
    acknowledged_at timestamptz not null,
    receipt text not null
);

create table alarms (
    id bigint generated always as identity primary key,
    agency_id uuid not null,
    lane text not null,
    sequence bigint not null,
    finding text not null,
    expected bytea not null,
    found bytea not null,
    raised_at timestamptz not null default clock_timestamp(),
    unique (agency_id, lane, sequence, finding, found)
);

create table events_unnumbered (
    id bigint generated always as identity primary key,
    agency_id uuid not null,
    type text not null,
    subject uuid not null,
    detail jsonb not null,
    at timestamptz not null default clock_timestamp()
);

create table event_heads (
    agency_id uuid not null,
    epoch uuid not null,
    number bigint not null,
    primary key (agency_id, epoch)
);

create table events (
    agency_id uuid not null,
    epoch uuid not null,
    number bigint not null,
    id uuid not null default gen_random_uuid(),
    position bigint generated always as identity,
    type text not null,
    subject uuid not null,
    detail jsonb not null,
    at timestamptz not null,
    primary key (agency_id, epoch, number)
);

-- The recipient's acknowledgement tells the sender, whose rows the recipient may not touch.
create function announce(agency_id uuid, type text, subject uuid, detail jsonb) returns void
language sql security definer set search_path = public, pg_temp
as $$
    insert into events_unnumbered (agency_id, type, subject, detail)
    values (announce.agency_id, announce.type, announce.subject, announce.detail)
$$;

create function visible_agencies() returns uuid[]
language sql stable
return string_to_array(current_setting('app.agencies', true), ',')::uuid[];

alter table lanes enable row level security;
alter table lanes force row level security;
create policy lanes_owner on lanes to notify_owner using (true) with check (true);
create policy lanes_worker on lanes to notify_worker using (true) with check (true);
create policy lanes_app on lanes for select to notify_app
    using (agency_id = any (visible_agencies()));

alter table entries enable row level security;
alter table entries force row level security;
create policy entries_owner on entries to notify_owner using (true) with check (true);
create policy entries_worker on entries to notify_worker using (true) with check (true);
create policy entries_app on entries for select to notify_app
    using (agency_id = any (visible_agencies()));

alter table waiting enable row level security;
alter table waiting force row level security;
create policy waiting_owner on waiting to notify_owner using (true) with check (true);
create policy waiting_worker on waiting to notify_worker using (true) with check (true);
create policy waiting_app on waiting to notify_app
    using (agency_id = any (visible_agencies()))
    with check (agency_id = any (visible_agencies()));

alter table receipts enable row level security;
alter table receipts force row level security;
create policy receipts_owner on receipts to notify_owner using (true) with check (true);
create policy receipts_worker on receipts to notify_worker using (true) with check (true);
create policy receipts_read on receipts for select to notify_app
    using (agency_id = any (visible_agencies()) or sender_id = any (visible_agencies()));
create policy receipts_write on receipts for insert to notify_app
    with check (agency_id = any (visible_agencies()));

alter table alarms enable row level security;
alter table alarms force row level security;
create policy alarms_owner on alarms to notify_owner using (true) with check (true);
create policy alarms_worker on alarms to notify_worker using (true) with check (true);

alter table events_unnumbered enable row level security;
alter table events_unnumbered force row level security;
create policy unnumbered_owner on events_unnumbered to notify_owner using (true) with check (true);
create policy unnumbered_worker on events_unnumbered to notify_worker
    using (true) with check (true);

alter table event_heads enable row level security;
alter table event_heads force row level security;
create policy heads_owner on event_heads to notify_owner using (true) with check (true);
create policy heads_worker on event_heads to notify_worker using (true) with check (true);
create policy heads_app on event_heads for select to notify_app
    using (agency_id = any (visible_agencies()));

alter table events enable row level security;
alter table events force row level security;
create policy events_owner on events to notify_owner using (true) with check (true);
create policy events_worker on events to notify_worker using (true) with check (true);
create policy events_app on events for select to notify_app
    using (agency_id = any (visible_agencies()));
