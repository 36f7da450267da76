-- Rights inside one service's database, made again at every start: only of what is made later, for
-- migrations take some away again. {service} is filled in.
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
