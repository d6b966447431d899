"""GraphiQL's page: no inline script, nothing from any other origin."""

from pathlib import Path
from typing import Final

STATIC_DIR: Final = Path(__file__).parent / "static"
"""The built files, served under /static/graphiql."""

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "font-src 'self' data:",
        "img-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""What the page may load, and where it may connect; the editor styles elements and brings its own fonts."""


def graphiql_page() -> str:
    """The page as HTML."""
    return """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Lineal: GraphiQL</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/graphiql/graphiql.css">
</head>
<body>
<div id="graphiql">Loading GraphiQL…</div>
<noscript>GraphiQL needs JavaScript. The schema is at <a href="/schema.graphql">/schema.graphql</a>.</noscript>
<script type="module" src="/static/graphiql/graphiql.js"></script>
</body>
</html>
"""
