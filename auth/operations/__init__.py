"""Operations that change access. An operation decides, on a snapshot, what to change, or refuses."""
