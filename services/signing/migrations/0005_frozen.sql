-- What docs froze with each dispatch, as a digest: whatever is changed there later is found by the audit.

alter table examinations add column frozen text[] not null default '{}';
comment on column examinations.frozen is
'Digests of the dispatch as docs told them (services/docs/frozen.py); several where a restored docs took it anew.';
