-- The roles of one service, made again at every start. {service} is filled in; passwords come as settings.
do $$
declare
    role text;
begin
    foreach role in array array['{service}_owner', '{service}_app', '{service}_worker'] loop
        if not exists (select from pg_roles where rolname = role) then
            execute format('create role %I', role);
        end if;
        execute format(
            'alter role %I login nosuperuser nobypassrls nocreatedb nocreaterole password %L',
            role, current_setting('lienthong.' || role)
        );
    end loop;
end
$$;
