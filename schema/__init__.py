"""What the outside sees: types, inputs, payloads, connections, limits."""
