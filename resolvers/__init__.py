"""From a parent record, a context and arguments to records."""
