-- Time-stamping units as files bring them: what their authority says of them is followed, too.

-- Old code writes four kinds, and reads a fifth as one that signs nothing.
-- squawk-ignore ban-drop-constraint
alter table certificates drop constraint certificates_kind_check;
-- The table is small: its rows are looked through within the migration.
-- squawk-ignore constraint-missing-not-valid
alter table certificates add constraint certificates_kind_check
check (kind in ('authority', 'leader', 'seal', 'protocol', 'timestamp'));
alter table certificates add column retired boolean not null default false;

comment on column certificates.retired is
'A time-stamping unit that is revoked for a stated reason which leaves the stamps valid that it made before (RFC 3161 4, 1). Ends when its authority says another reason later.';
