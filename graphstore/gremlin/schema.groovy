// Version 7 of the graph's schema on JanusGraph. Run again, it changes nothing; two at once wait for each other.
graph = g.getGraph()
synchronized (graph) {
    graph.tx().rollback()
    def management = graph.openManagement()
    try {
        // Texts whose length is bounded: Lucene takes no more than 32,766 bytes, and loses the whole entity with them.
        def texts = ['urn', 'name', 'version', 'type', 'account', 'urn_folded', 'name_folded', 'version_folded']
        def keys = [
            (String): [
                'urn', 'account', 'name', 'version', 'type', 'source_uri', 'recorded_by', 'record', 'line', 'content',
                'checkpoint', 'part', 'state', 'value', 'extra_groups',
                'urn_folded', 'name_folded', 'version_folded', 'source_uri_folded', 'recorded_by_folded',
            ],
            (Long): [
                'recorded_at', 'occurred_at', 'kept_at', 'sequence', 'first_step', 'last_step', 'indexed_at', 'placed_at',
            ],
            (Integer): ['kind', 'of_kind', 'schema', 'widened'],
        ]
        keys.each { type, names ->
            names.each {
                management.getPropertyKey(it) ?: management.makePropertyKey(it).dataType(type)
                    .cardinality(org.janusgraph.core.Cardinality.SINGLE).make()
            }
        }
        [terms: String, words: String, moved: Integer, group: Long].each { name, type ->
            management.getPropertyKey(name) ?: management.makePropertyKey(name).dataType(type)
                .cardinality(org.janusgraph.core.Cardinality.SET).make()
        }
        // Lists: to one more value of an indexed set JanusGraph would read those that stand.
        def copies = [term: String, words: String, recorded_at: Long, occurred_at: Long, group: Long]
        (texts.collectEntries { [it, String] } + copies).each { name, type ->
            management.getPropertyKey('indexed_' + name) ?: management.makePropertyKey('indexed_' + name)
                .dataType(type).cardinality(org.janusgraph.core.Cardinality.LIST).make()
        }
        ['entity', 'note'].each { management.getVertexLabel(it) ?: management.makeVertexLabel(it).make() }
        ['ASSOCIATED_WITH', 'CONTRIBUTED_TO', 'DERIVED_FROM', 'PRODUCED', 'SAME_AS', 'OBSERVED'].each {
            management.getEdgeLabel(it) ?: management.makeEdgeLabel(it)
                .multiplicity(org.janusgraph.core.Multiplicity.MULTI).make()
        }
        // From an entity to itself: as an edge that is stored at its source alone, it is stored once.
        management.getEdgeLabel('REVISED') ?: management.makeEdgeLabel('REVISED').unidirected()
            .multiplicity(org.janusgraph.core.Multiplicity.MULTI).make()
        // The newest revisions of an entity, those of a time, and the earliest are found among thousands at one vertex.
        def revised = management.getEdgeLabel('REVISED')
        [revised_by_sequence: 'sequence', revised_by_time: 'occurred_at'].each { name, key ->
            management.getRelationIndex(revised, name) ?: management.buildEdgeIndex(
                revised, name, Direction.OUT, key == 'sequence' ? Order.desc : Order.asc,
                management.getPropertyKey(key))
        }
        // Recording asks which chunks of a metric may hold its steps, of thousands at one vertex.
        def observed = management.getEdgeLabel('OBSERVED')
        management.getRelationIndex(observed, 'observed_by_step') ?: management.buildEdgeIndex(
            observed, 'observed_by_step', Direction.OUT,
            management.getPropertyKey('name'), management.getPropertyKey('last_step'))
        ['kind', 'part'].each {
            management.getGraphIndex('by_' + it) ?: management.buildIndex('by_' + it, Vertex)
                .addKey(management.getPropertyKey(it)).buildCompositeIndex()
        }
        if (!management.getGraphIndex('asked')) {
            def asked = management.buildIndex('asked', Vertex).indexOnly(management.getVertexLabel('entity'))
            ['term', *texts].each {
                asked.addKey(management.getPropertyKey('indexed_' + it), Mapping.STRING.asParameter())
            }
            asked.addKey(management.getPropertyKey('indexed_words'), Mapping.TEXT.asParameter())
            ['indexed_recorded_at', 'indexed_occurred_at', 'indexed_group', 'indexed_at', 'placed_at'].each {
                asked.addKey(management.getPropertyKey(it))
            }
            asked.buildMixedIndex('search')
        }
        management.commit()
    } catch (Throwable problem) {
        management.rollback()
        throw problem
    }
}
true
