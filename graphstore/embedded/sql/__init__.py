"""What the embedded store asks of SQLite: the only modules that import apsw."""
