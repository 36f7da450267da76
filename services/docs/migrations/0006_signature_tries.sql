-- Taking a signed file over is tried at its own times: one that is missing keeps nobody else waiting.

alter table signatures
add column tries integer not null default 0,
add column next_try_at timestamptz not null default now(),
add column trouble text;
comment on column signatures.tries is 'How often the signed file could not be read intact since it was made.';
comment on column signatures.trouble is 'What kept the last try from applying it: a code of the problem table.';

create index signatures_made on signatures (next_try_at, id) where state = 'made';
