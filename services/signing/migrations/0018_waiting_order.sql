-- migrate: no-transaction
-- A sender's files that were not tried yet come before those that wait for what only others can mend.

create index concurrently if not exists examinations_order on examinations
(lane, sender_id, (waited > interval '0'), next_try_at) where not settled;
