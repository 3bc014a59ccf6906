-- Images, the albums that they lie in, and the MOCs that show them. One image may be shown by many MOCs, and by one of them twice.
create table gallery_albums (
    id uuid primary key default gen_random_uuid(),
    user_id text not null,
    title text not null
);

create table gallery_images (
    id uuid primary key default gen_random_uuid(),
    user_id text not null,
    title text not null,
    image_url text not null,
    thumbnail_url text,
    album_id uuid references gallery_albums on delete set null,
    created_at timestamptz not null default now()
);
create index on gallery_images (album_id);

create table gallery_flags (
    id uuid primary key default gen_random_uuid(),
    image_id uuid not null references gallery_images on delete cascade,
    user_id text not null,
    reason text
);
create index on gallery_flags (image_id);

create table moc_gallery_images (
    id uuid primary key default gen_random_uuid(),
    moc_id uuid not null references moc_instructions on delete cascade,
    gallery_image_id uuid not null references gallery_images on delete cascade
);
create index on moc_gallery_images (moc_id);
create index on moc_gallery_images (gallery_image_id);
