"""The engine for graph servers that speak Gremlin: Gremlin Server, and JanusGraph on BerkeleyJE or Cassandra."""
