-- Statuses 02 to 06 that recipients report; 01 is the receipt itself.

create table statuses (
    delivery_id uuid not null,
    step int not null check (step > 0),
    code text not null,
    dispatch_id uuid not null,
    document_id uuid not null,
    agency_id uuid not null,
    sender_id uuid not null,
    acting_agency_id uuid not null,
    client_id text,
    reported_at timestamptz not null,
    arrival_number text,
    staff_name text,
    staff_department text,
    note text,
    primary key (delivery_id, step)
);
comment on column statuses.client_id is 'Null, as the words of people are, where it came back from an event after a restore.';

alter table statuses enable row level security;
alter table statuses force row level security;
create policy statuses_owner on statuses to notify_owner using (true) with check (true);
create policy statuses_worker on statuses to notify_worker using (true) with check (true);
create policy statuses_read on statuses for select to notify_app
    using (agency_id = any (visible_agencies()) or sender_id = any (visible_agencies()));
create policy statuses_write on statuses for insert to notify_app
    with check (agency_id = any (visible_agencies()));

-- `for update` asks for the right to update; the receipt itself can never be changed.
create policy receipts_lock on receipts for update to notify_app
    using (agency_id = any (visible_agencies())) with check (false);
