"""Delete index rows whose target is gone, and rows whose own value says that they have expired."""
