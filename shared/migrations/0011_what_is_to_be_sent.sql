-- What was lost with a cluster goes again from where it lies; the leader notes here what it has seen.

create table outbox_lost (
    cluster text primary key
);

comment on table outbox_lost is 'Clusters that have held rows, but for the one which the relay sends to.';
comment on column outbox."offset" is 'Where the log of `cluster` holds it; null: not there, or not looked for.';

create view outbox_to_send with (security_invoker = true) as
select id, topic, key, created_at from outbox
where published_at is null and parked_at is null
union all
select o.id, o.topic, o.key, o.created_at from outbox as o
where o."offset" is not null and o.cluster in (select l.cluster from outbox_lost as l);

comment on view outbox_to_send is 'What gauges and the doctor count.';
