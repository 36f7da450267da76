-- A file's patience is what it was tried for, not how long this service was away.

alter table examinations add column waited interval not null default '0';
comment on column examinations.waited is
'For how long it was tried without a verdict: the sum of the pauses between tries.';
