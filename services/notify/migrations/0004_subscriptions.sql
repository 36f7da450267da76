-- Systems that want their news on a Kafka mailbox topic of their own.

create table subscriptions (
    id uuid primary key,
    client_id text not null,
    kind text not null check (kind = 'kafka'),
    state text not null default 'pending' check (state in ('pending', 'ready', 'ended')),
    topic text not null,
    version int not null default 1,
    bootstrap text,
    starts jsonb not null default '[]',
    created_at timestamptz not null default clock_timestamp(),
    ready_at timestamptz,
    ended_at timestamptz,
    ended_because text,
    swept_at timestamptz,
    removed_at timestamptz
);
comment on column subscriptions.starts is 'Agency id, lane and number of the last entry of each lane before the first that is pushed.';
comment on column subscriptions.swept_at is 'Ended, and no row of it is left in the outbox.';
comment on column subscriptions.removed_at is 'Ended, and the rights of its reader are taken away.';

create unique index subscriptions_living on subscriptions (client_id, kind) where state <> 'ended';
create index subscriptions_unremoved on subscriptions (id) where removed_at is null;
create index subscriptions_of_client on subscriptions (client_id, id);

alter table subscriptions enable row level security;
alter table subscriptions force row level security;
create policy subscriptions_owner on subscriptions to notify_owner using (true) with check (true);
create policy subscriptions_worker on subscriptions to notify_worker using (true) with check (true);
-- A subscription belongs to a system, not to an agency; without the setting nothing is seen.
create policy subscriptions_app on subscriptions to notify_app
    using (client_id = current_setting('app.client', true))
    with check (client_id = current_setting('app.client', true));
