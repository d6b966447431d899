"""Who may see, cross, add and delete: principals, policies, scopes."""
