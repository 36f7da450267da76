-- A restored signing counts again: the same judgement with new evidence, and what was told stays.

alter table verdicts add column told_at timestamptz;
alter table verdicts add column told_reason text;
comment on column verdicts.told_at is 'When it was first judged, as the timeline tells it; null: judged_at, it was judged once.';
comment on column verdicts.told_reason is 'The reason of that time; only of use where told_at is not null.';
