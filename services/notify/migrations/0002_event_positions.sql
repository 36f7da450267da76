-- Each process looks for what was numbered since it looked last, whoever numbered it.

create index events_position on events (position);
