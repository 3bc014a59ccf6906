-- What the purge asks for: how the due are found, how a file is found by its key, and a way to keep what must not go.
create index on moc_instructions (deleted_at, id) where deleted_at is not null;
create index on moc_files (s3_key);
-- Of a URL without its query and fragment: that is how the drain asks who else names a file.
create index on moc_instructions ((split_part(split_part(thumbnail_url, '?', 1), '#', 1)));
create index on moc_instructions ((split_part(split_part(banner_url, '?', 1), '#', 1)));
create index on gallery_images ((split_part(split_part(image_url, '?', 1), '#', 1)));
create index on gallery_images ((split_part(split_part(thumbnail_url, '?', 1), '#', 1)));
alter table moc_instructions add column legal_hold boolean not null default false;
