-- Uploads under way. The reference has no action: a MOC that one of them names cannot be deleted.
create table upload_sessions (
    id uuid primary key default gen_random_uuid(),
    user_id text not null,
    status text not null default 'pending',
    moc_instruction_id uuid references moc_instructions,
    created_at timestamptz not null default now()
);
create index on upload_sessions (moc_instruction_id);
