-- What 0004 took away was given back whenever the stack was started.

do $$
declare
    app text := regexp_replace(current_user, '_owner$', '_app');
begin
    if app <> current_user and exists (select from pg_roles where rolname = app) then
        execute format('revoke select, update, delete on outbox from %I', app);
        execute format('revoke all on inbox, offsets, parked, outbox_lost, outbox_to_send from %I', app);
        execute format('revoke delete on idempotency from %I', app);
    end if;
end
$$;
