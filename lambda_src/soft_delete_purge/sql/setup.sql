-- What soft-delete-purge remembers. Once, by a role that may create a schema; again does no harm.
-- The purge's own role needs no more than SELECT, INSERT, UPDATE and DELETE on these two tables.
CREATE SCHEMA IF NOT EXISTS expiry;

-- Files of purged records, written with the purge, until S3 has said what became of each.
CREATE TABLE IF NOT EXISTS expiry.purge_outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  bucket text NOT NULL,
  key text NOT NULL,
  etag text, -- as it was before the purge, or when first_seen_at says; null: not known yet
  size_bytes bigint,
  source text NOT NULL, -- the name in the plan's objects
  correlation_id text NOT NULL,
  enqueued_at timestamptz NOT NULL DEFAULT now(),
  first_seen_at timestamptz, -- null: the object was seen before the purge, or not at all
  claim integer, -- the advisory lock of who drains it; free once nobody holds that lock
  claimed_until timestamptz,
  attempts integer NOT NULL DEFAULT 0,
  last_error text
);

-- Records that could not be purged.
CREATE TABLE IF NOT EXISTS expiry.purge_failures (
  root text NOT NULL, -- schema.table
  record_key text NOT NULL,
  attempts integer NOT NULL DEFAULT 0, -- tries after the first
  first_failed_at timestamptz NOT NULL DEFAULT now(),
  last_failed_at timestamptz NOT NULL DEFAULT now(),
  last_error text NOT NULL,
  correlation_id text NOT NULL,
  queued_at timestamptz, -- when it was sent to the retry or the dead-letter queue; null: not yet
  resting boolean NOT NULL DEFAULT false, -- left alone until it is redriven or its row changes
  row_version text, -- xmin of the record's row at the failure
  PRIMARY KEY (root, record_key)
);
