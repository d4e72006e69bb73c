"""The members' key group as the log orders it: what of it is public, and therefore replicated. Secrets are never seen here."""
