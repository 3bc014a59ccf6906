"""Report what DynamoDB's TTL has not removed yet, and what it never will. Deletes nothing."""
