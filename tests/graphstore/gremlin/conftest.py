"""Tests of Cassandra are there where Cassandra is."""

from engines import GRAPH_SERVERS

collect_ignore = [] if "janusgraph-cassandra" in GRAPH_SERVERS else ["test_cassandra.py"]
