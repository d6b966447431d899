"""How lineage enters and leaves: the native form and OpenLineage."""
