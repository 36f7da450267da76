-- The time of a verdict gets another name. Both are kept in step while old code runs beside new.

alter table dispatches add column decided_at timestamptz;

create function dispatches_in_step() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        new.decided_at := coalesce(new.decided_at, new.verdict_at);
        new.verdict_at := new.decided_at;
    elsif new.verdict_at is distinct from old.verdict_at then
        new.decided_at := new.verdict_at;
    elsif new.decided_at is distinct from old.decided_at then
        new.verdict_at := new.decided_at;
    end if;
    return new;
end
$$;
create trigger dispatches_in_step before insert or update on dispatches
for each row execute function dispatches_in_step();

update dispatches set decided_at = verdict_at where verdict_at is not null;
