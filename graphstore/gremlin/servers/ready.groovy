:remote connect tinkerpop.server conf/remote.yaml
:> g.V().limit(1).count()
