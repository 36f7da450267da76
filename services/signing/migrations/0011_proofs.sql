-- Which authorities of time stamps prove it: what they prove ends with the trust in them.

alter table verdict_certificates add column proved_by text[] not null default '{}';
comment on column verdict_certificates.proved_by is 'Digests of the certificates of the time stamp behind proved_at, from the root on; when one of them is revoked or its trust ends, proved_at counts no longer.';
create index verdict_certificates_proved_by on verdict_certificates using gin (proved_by);
