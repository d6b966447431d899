"""What the commands of `lineal` do."""
