"""The changes of access: each decides on a directory what to change, or refuses."""
