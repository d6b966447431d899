"""The embedded store: SQLite, through apsw, in this process."""
