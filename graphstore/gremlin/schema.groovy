// Version 1 of the graph's schema on JanusGraph. Run again, it changes nothing; two at once wait for each other.
graph = g.getGraph()
synchronized (graph) {
    graph.tx().rollback()
    def management = graph.openManagement()
    try {
        def keys = [
            (String): ['urn', 'account', 'name', 'version', 'recorded_by', 'record', 'line', 'content', 'part', 'state', 'value'],
            (Long): ['recorded_at', 'occurred_at', 'kept_at'],
            (Integer): ['kind', 'source_kind', 'destination_kind', 'schema'],
        ]
        keys.each { type, names ->
            names.each {
                management.getPropertyKey(it) ?: management.makePropertyKey(it).dataType(type)
                    .cardinality(org.janusgraph.core.Cardinality.SINGLE).make()
            }
        }
        ['entity', 'note'].each { management.getVertexLabel(it) ?: management.makeVertexLabel(it).make() }
        ['ASSOCIATED_WITH', 'CONTRIBUTED_TO', 'DERIVED_FROM', 'PRODUCED', 'SAME_AS', 'REVISED', 'HEAD'].each {
            management.getEdgeLabel(it) ?: management.makeEdgeLabel(it)
                .multiplicity(org.janusgraph.core.Multiplicity.MULTI).make()
        }
        ['kind', 'name', 'part'].each {
            management.getGraphIndex('by_' + it) ?: management.buildIndex('by_' + it, Vertex)
                .addKey(management.getPropertyKey(it)).buildCompositeIndex()
        }
        management.commit()
    } catch (Throwable problem) {
        management.rollback()
        throw problem
    }
}
true
