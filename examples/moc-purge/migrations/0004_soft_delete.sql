-- Delete becomes a mark. A part outlives its list: it is given back to its owner's stock.
alter table moc_instructions add column deleted_at timestamptz, add column deleted_by text;
alter table moc_files add column deleted_at timestamptz;
alter table moc_parts alter column parts_list_id drop not null;
alter table moc_parts add column status text not null default 'used' check (status in ('used', 'available'));
