-- No code knows the old name any more.

drop trigger dispatches_in_step on dispatches;
drop function dispatches_in_step();
alter table dispatches drop column verdict_at;
