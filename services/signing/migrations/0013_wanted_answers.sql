-- Which certificates waiting files need answers about: those are asked for first.

alter table answers add column wanted_at timestamptz;

comment on column answers.wanted_at is 'When a waiting file last had it asked for at once; null: none ever did.';
comment on column answers.number is 'No longer used: a worker is given the answers about its file.';
