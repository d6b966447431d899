"""Access: who calls, and what the caller may read, cross and write.

The words of access, used in code, documentation and error texts:

- Principal: who calls, a person or a program of one account, with roles (`principals`).
- Permission: one action, for example READ or TRAVERSE (`permissions`).
- Lineage group: entities of one account under one policy. The default group of an account
  holds all its entities (`records`).
- EntityGroups: the groups that one entity is in (`graphstore.store`).
- Policy: the Cedar text of a group, which permits and forbids (`cedar`, `policy_validation`, `policy_evaluator`).
- Resource share: groups of an account offered to principals of others, effective once its invitation is accepted
  (`records`).
- Decision: whether a principal may do something, and the policies and shares that decided it (`decisions`).
- Authorizer: decides everything about one principal on one snapshot (`authorizer`).
- Scope: what a caller may read and cross, as data that every read of a store takes (`scopes`).
- EntityScope: what a scope says of one entity (`scopes`).
- Visibility: what a read returns on one engine, by existence, as-of time and scope (`graphstore`).
- Access snapshot: all records of access as of one epoch (`access_snapshot`). Every change of access moves the epoch.
- Access service: reads snapshots and applies operations, which change access (`access_service`, `operations`).

Dependencies point one way, as `pyproject.toml` enforces: access_service -> operations -> authorizer -> access_snapshot
-> policy_index, policy_evaluator and access_codec -> records -> scopes and principals -> permissions.
"""
