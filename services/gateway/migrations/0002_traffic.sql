-- What passes each connection point, by agency and system, and in each minute of the last hour.

create table traffic (
    client_id text not null,
    agency uuid not null,
    requests bigint not null default 0,
    client_errors bigint not null default 0,
    server_errors bigint not null default 0,
    bytes_in bigint not null default 0,
    bytes_out bigint not null default 0,
    last_seen timestamptz not null,
    rhythm double precision,
    primary key (client_id, agency)
);
comment on table traffic is 'Summed in memory and written every 5 s: a killed instance loses what it had not written.';
comment on column traffic.agency is 'For which it acted; the nil UUID where it acted for several at once.';
comment on column traffic.rhythm is 'Seconds from one contact to the next, as it usually is.';

create index traffic_agency on traffic (agency);

create table traffic_minutes (
    agency uuid not null,
    client_id text not null,
    minute timestamptz not null,
    requests bigint not null,
    errors bigint not null,
    bytes_in bigint not null,
    bytes_out bigint not null,
    primary key (agency, client_id, minute)
);
comment on table traffic_minutes is 'The last hour; older minutes are deleted.';

create index traffic_minutes_minute on traffic_minutes (minute);

insert into traffic (client_id, agency, requests, server_errors, bytes_in, bytes_out, last_seen)
select client_id, '00000000-0000-0000-0000-000000000000', requests, errors, bytes_in, bytes_out, last_seen
from connection_points;

comment on table connection_points is 'Replaced by traffic; kept for instances of the release before.';
