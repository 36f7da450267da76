-- Until when a signature is known to have been there: a revocation after that does not touch it.

alter table verdict_certificates add column proved_at timestamptz;
comment on column verdict_certificates.proved_at is 'By a time stamp on every signature of this certificate in the file; null: only the moment of judging is known.';
