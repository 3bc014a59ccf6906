-- Building instructions (MOCs), their files and their parts lists.
create table moc_instructions (
    id uuid primary key default gen_random_uuid(),
    user_id text not null,
    title text not null,
    description text,
    thumbnail_url text,
    banner_url text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index on moc_instructions (user_id);

create table moc_files (
    id uuid primary key default gen_random_uuid(),
    moc_id uuid not null references moc_instructions on delete cascade,
    file_type text not null,
    s3_key text not null,
    original_filename text,
    created_at timestamptz not null default now()
);
create index on moc_files (moc_id);

create table moc_parts_lists (
    id uuid primary key default gen_random_uuid(),
    moc_id uuid not null references moc_instructions on delete cascade,
    file_id uuid references moc_files on delete set null,
    title text not null
);
create index on moc_parts_lists (moc_id);
create index on moc_parts_lists (file_id);

create table moc_parts (
    id uuid primary key default gen_random_uuid(),
    parts_list_id uuid not null references moc_parts_lists on delete cascade,
    part_id text not null,
    color text,
    quantity int not null default 1
);
create index on moc_parts (parts_list_id);
