-- Rights inside one service's database, made again at every start. {service} is filled in.
alter schema public owner to {service}_owner;
revoke all on schema public from public;
grant usage on schema public to {service}_app, {service}_worker;
alter default privileges for role {service}_owner in schema public
    grant select, insert, update, delete on tables to {service}_app, {service}_worker;
alter default privileges for role {service}_owner in schema public
    grant usage, select on sequences to {service}_app, {service}_worker;
alter default privileges for role {service}_owner in schema public
    revoke execute on functions from public;
alter default privileges for role {service}_owner in schema public
    grant execute on functions to {service}_app, {service}_worker;
grant select, insert, update, delete on all tables in schema public to {service}_app, {service}_worker;
grant usage, select on all sequences in schema public to {service}_app, {service}_worker;
