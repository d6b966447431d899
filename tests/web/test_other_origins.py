"""Pages of other origins in a real browser, against a server in development mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode

import pytest
from browser import page
from server_process import serving

QUERY = urlencode({"query": "{ viewer { account } }"})
HOSTILE = """<!doctype html><title>hostile</title><body>
<img src="{url}/graphql?{query}&n=img" referrerpolicy="no-referrer">
<script src="{url}/graphql?{query}&n=script"></script>
<link rel="stylesheet" href="{url}/graphql?{query}&n=link">
<iframe src="{url}/graphql?{query}&n=iframe"></iframe>
<iframe name="target"></iframe>
<form id="get" action="{url}/graphql" target="target">
  <input name="query" value="{{ viewer {{ account }} }}"></form>
<form id="post" method="post" enctype="text/plain" action="{url}/graphql" target="target">
  <input name='{{"query": "{{ viewer {{ account }} }}", "x": "' value='"}}'></form>
<script>
const gone = error => "refused"
const body = JSON.stringify({{query: "{{ viewer {{ account }} }}"}})
Promise.all([
  fetch("{url}/graphql?{query}&n=fetch", {{mode: "no-cors"}}).catch(gone),
  fetch("{url}/graphql?{query}&n=cors").catch(gone),
  fetch("{url}/graphql", {{method: "POST", mode: "no-cors", body}}).catch(gone),
  fetch("{url}/graphql", {{method: "POST", headers: {{"Content-Type": "application/json"}}, body}}).catch(gone),
  new Promise(done => {{ const s = new WebSocket("{ws}/graphql"); s.onerror = s.onclose = () => done("refused") }}),
  Promise.resolve(navigator.sendBeacon("{url}/graphql", body)),
]).then(() => {{
  document.getElementById("get").submit()
  setTimeout(() => document.getElementById("post").submit(), 300)
  setTimeout(() => {{ document.title = "tried" }}, 1000)
}})
</script>"""


@contextmanager
def hosting(folder: Path) -> Iterator[str]:
    """Serve the files of a folder; the address is of another origin, and of the same site."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    host = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = Thread(target=host.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{host.server_port}"
    finally:
        host.shutdown()
        thread.join()
        host.server_close()


@pytest.mark.browser
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_hostile_page_runs_no_query(tmp_path: Path, name: str) -> None:
    with serving("memory:", tmp_path) as server, hosting(tmp_path) as host:
        text = HOSTILE.format(url=server.url, ws=server.url.replace("http", "ws"), query=QUERY)
        (tmp_path / "hostile.html").write_text(text)
        with page(f"{host.replace('127.0.0.1', name)}/hostile.html", tmp_path / "profile") as tab:
            tab.until("document.title === 'tried'")
        metrics = server.client.get("/metrics").text
        assert 'operation="query"' not in metrics, "nothing was executed"
        log = server.log.read_text()
        assert log.count("request of a page of another origin") >= 5, "they arrived"


@pytest.mark.browser
def test_a_link_of_another_page_opens_graphiql_and_runs_nothing(tmp_path: Path) -> None:
    with serving("memory:", tmp_path) as server, hosting(tmp_path) as host:
        (tmp_path / "link.html").write_text(f'<a id="link" href="{server.url}/graphql?{QUERY}">open</a>')
        with page(f"{host}/link.html", tmp_path / "profile") as tab:
            tab.until("!!document.getElementById('link')")
            tab.click("#link")
            tab.until("!!document.querySelector('.graphiql-execute-button')")
            tab.until("document.body.innerText.includes('viewer')")
        assert "request of a page of another origin" not in server.log.read_text()
