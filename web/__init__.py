"""The browser side: GraphiQL, served by Lineal itself."""
