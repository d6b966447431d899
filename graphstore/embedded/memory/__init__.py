"""What the embedded store keeps in memory."""
