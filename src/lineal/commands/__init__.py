"""The implementation of the `lineal` commands."""
