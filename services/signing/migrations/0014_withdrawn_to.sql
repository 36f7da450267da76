-- How far the withdrawal of what rests on a certificate has come: each batch goes on from there.

alter table certificates add column withdrawn_to uuid;
comment on column certificates.withdrawn_to is
'The last dispatch whose verdict was looked at; null: from the first one on. Whatever has withdrawing set anew sets it to null.';
