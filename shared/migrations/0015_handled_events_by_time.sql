-- migrate: no-transaction
-- Not by BRIN: what was entered since the last vacuum (a fifth of the table) is read each time, and
-- to find some rows the planner reads all of them.

create index concurrently if not exists inbox_handled on inbox (handled_at);
