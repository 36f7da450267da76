-- Requests write events and answers; they read neither events nor what was consumed.

do $$
declare
    app text := regexp_replace(current_user, '_owner$', '_app');
begin
    if app <> current_user and exists (select from pg_roles where rolname = app) then
        execute format('revoke select, update, delete on outbox from %I', app);
        execute format('revoke all on inbox, offsets, parked from %I', app);
        execute format('revoke delete on idempotency from %I', app);
    end if;
end
$$;
