"""Walks, their pages and their paths, over any engine that can cross associations."""
