-- What the purge asks for: how the due are found, how a file is found by its key, and a way to keep what must not go.
create index on moc_instructions (deleted_at, id) where deleted_at is not null;
create index on moc_files (s3_key);
create index on moc_instructions (thumbnail_url);
create index on gallery_images (image_url);
create index on gallery_images (thumbnail_url);
alter table moc_instructions add column legal_hold boolean not null default false;
