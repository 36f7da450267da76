-- A system that loses an agency may not read on what was pushed to it for that agency.

alter table subscriptions add column narrowed_at timestamptz;
comment on column subscriptions.narrowed_at is 'When its system lost an agency: it is about to end, with its topic.';

-- Here and not in the task that ends it: between two of its looks an agency may come and go.
create function note_narrowed() returns trigger language plpgsql as $$
begin
    update subscriptions set narrowed_at = clock_timestamp()
    where client_id = new.client_id and state <> 'ended' and narrowed_at is null;
    return null;
end $$;

create trigger known_clients_narrowed after update on known_clients
    for each row when (not old.agencies <@ new.agencies) execute function note_narrowed();
