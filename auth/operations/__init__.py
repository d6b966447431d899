"""The changes of access: each decides on a snapshot what to change, or refuses."""
