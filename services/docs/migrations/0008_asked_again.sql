-- Signing is asked again less often each time: a long outage of it fills no topic with questions.

alter table dispatches
add column asks smallint not null default 0;
comment on column dispatches.asks is 'How often signing was asked again for a verdict that was missing.';
