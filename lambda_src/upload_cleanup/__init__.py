"""Clean up abandoned uploads: sessions, multipart uploads, orphaned objects. Nothing alive."""
