-- How far the withdrawal of what rests on a certificate has come: each batch goes on from there.

alter table certificates add column withdrawn_to uuid;
comment on column certificates.withdrawn_to is
'The last dispatch whose verdict was looked at; null: from the first one on. Whatever has withdrawing set anew sets it to null.';

-- For the time of an upgrade: the release before, beside this one, sets withdrawing anew and knows of
-- no place. The next release may drop it.
create function withdraw_from_the_first() returns trigger language plpgsql as $$
begin
    new.withdrawn_to := null;
    return new;
end $$;

create trigger certificates_withdrawn_anew before update of state, revoked_at, withdrawing on certificates
    for each row when (new.withdrawn_to is not distinct from old.withdrawn_to)
    execute function withdraw_from_the_first();
