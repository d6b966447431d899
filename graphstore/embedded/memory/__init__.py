"""Adjacency, group membership and scopes, which the embedded store keeps in memory."""
