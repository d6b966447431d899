"""A Gremlin Server with TLS and password authentication; its certificate is self-signed."""

import asyncio
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from engines import Engine

from lineal.commands import jvm
from lineal.graphstore.errors import Unavailable
from lineal.graphstore.gremlin.client import GremlinClient, g
from lineal.graphstore.gremlin.transport import Address, Transport

USER: Final = "lineal"
PASSWORD: Final = "right"
_CREDENTIALS: Final = (
    '{"id":{"@type":"g:Int64","@value":0},"label":"user","properties":{"password":[{"id":{"@type":"g:Int64","@value":2},'
    '"value":"$2a$04$Kz7SXBpO.g1R1VRTJqOL4eUbR5udH3BK.WSBLcuohkSQhXvcs8Is2"}],'
    '"username":[{"id":{"@type":"g:Int64","@value":1},"value":"lineal"}]}}\n'
)
"""The user, with the password's digest as BCrypt makes it."""
_CONFIGURATION: Final = """
authentication:
  authenticator: org.apache.tinkerpop.gremlin.server.auth.SimpleAuthenticator
  config: {{credentialsDb: '{folder}/credentials.properties'}}
ssl: {{enabled: true, keyStoreType: PKCS12, keyStore: '{folder}/server.p12', keyStorePassword: changeit}}
"""
_DATABASE: Final = """
gremlin.graph=org.apache.tinkerpop.gremlin.tinkergraph.structure.TinkerGraph
gremlin.tinkergraph.vertexIdManager=LONG
gremlin.tinkergraph.graphLocation={folder}/credentials.json
gremlin.tinkergraph.graphFormat=graphson
"""


def certificate(folder: Path, name: str) -> Path:
    """A certificate of 127.0.0.1 by itself, as a PEM file; its key lies beside it in a PKCS12 file."""
    keytool = jvm.java().with_name("keytool")
    store, certificate_file = folder / f"{name}.p12", folder / f"{name}.pem"
    shared = ["-alias", name, "-keystore", str(store), "-storepass", "changeit"]
    kind = ["-keyalg", "EC", "-groupname", "secp256r1", "-dname", f"CN={name}", "-storetype", "PKCS12"]
    means = ["-ext", "san=ip:127.0.0.1", "-ext", "bc:c=ca:true", "-ext", "ku:c=digitalSignature,keyCertSign"]
    subprocess.run([keytool, "-genkeypair", *shared, *kind, *means], check=True, capture_output=True)
    subprocess.run(
        [keytool, "-exportcert", "-rfc", *shared, "-file", str(certificate_file)], check=True, capture_output=True
    )
    return certificate_file


class TlsGremlinServer(Engine):
    """Its `ca` is what to trust; `url` is with TLS, `plain_url` the same without."""

    def __init__(self, folder: Path) -> None:
        super().__init__("gremlin-server", folder)
        self.ca = str(certificate(folder, "server"))
        self.plain_url, self.url = self.url, self.url.replace("gremlin:", "gremlins:")
        (folder / "credentials.json").write_text(_CREDENTIALS)
        (folder / "credentials.properties").write_text(_DATABASE.format(folder=folder))

    def configure(self, name: str, **values: object) -> None:
        super().configure(name, **values)
        if name == "gremlin-server.yaml":
            with (self.folder / name).open("a") as file:
                file.write(_CONFIGURATION.format(folder=self.folder))

    def answers(self) -> bool:
        async def ask() -> bool:
            transport = Transport(Address.parsed(self.url, USER, PASSWORD, self.ca))
            try:
                return len(await GremlinClient(transport, 10).ask(g.V().limit(1).count())) == 1
            except Unavailable:
                return False
            finally:
                await transport.close()

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(ask())).result()
