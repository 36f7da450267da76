-- A digest of what people wrote with a status; the words themselves stay at notify.

alter table statuses add column words_sha256 text;
