"""The only folder that knows storage: records, the store contract, and the engines behind it."""
