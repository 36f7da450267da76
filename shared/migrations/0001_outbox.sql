-- What is to be sent, what was read, where reading stands (protocol.md 3 and 4).

create table outbox (
    id bigint generated always as identity primary key,
    event_id uuid not null unique,
    topic text not null,
    key text not null,
    headers jsonb not null,
    value bytea not null,
    created_at timestamptz not null default clock_timestamp(),
    published_at timestamptz,
    cluster text,
    partition int,
    "offset" bigint,
    parked_at timestamptz,
    parked_cause text
);

comment on column outbox.id is 'Order only; never an identity: a restored backup issues it again.';
comment on column outbox.event_id is 'ce_id: the same for ever, however often the row is sent.';
comment on column outbox."offset" is 'Where the log holds it; null again when the log has lost it.';

create index outbox_unpublished on outbox (id) where published_at is null;
create index outbox_parked on outbox (topic, key) where published_at is null and parked_at is not null;
create index outbox_place on outbox (topic, partition, "offset") where "offset" is not null;
create index outbox_cluster on outbox (cluster) where "offset" is not null;
create index outbox_published_at on outbox (published_at) where published_at is not null;

create table inbox (
    consumer_group text not null,
    event_id uuid not null,
    handled_at timestamptz not null default clock_timestamp(),
    primary key (consumer_group, event_id)
);

create index inbox_handled_at on inbox using brin (handled_at);

comment on table inbox is 'Events whose effect has happened. Outlives the outbox rows of the writer.';

create table offsets (
    consumer_group text not null,
    topic text not null,
    partition int not null,
    next_offset bigint not null,
    event_before uuid,
    generation int not null,
    cluster text not null,
    primary key (consumer_group, topic, partition)
);

comment on column offsets.event_before is 'The event of the record at next_offset - 1: is it still the same log?';
comment on column offsets.generation is 'Grows when the log was another one: a write counts only under its own.';

create table parked (
    id bigint generated always as identity primary key,
    consumer_group text not null,
    topic text not null,
    partition int not null,
    record_offset bigint not null,
    key text not null,
    event_id uuid not null,
    headers jsonb not null,
    value bytea not null,
    cause text,
    tries int not null default 0,
    parked_at timestamptz not null default clock_timestamp(),
    released_at timestamptz,
    unique (consumer_group, topic, event_id)
);

comment on column parked.cause is 'Why it failed; null: it waits behind an earlier record of its key.';

create index parked_key on parked (consumer_group, topic, key, id);
