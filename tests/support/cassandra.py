"""One Cassandra node for tests, which a JanusGraph keeps its graph in."""

import socket
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from programs import Program, free_port

from lineal.commands import jvm
from lineal.graphstore.gremlin.servers.templates import filled

_COORDINATES: Final[tuple[str, ...]] = ("org.apache.cassandra:cassandra-all:5.0.9",)
"""With a class path of its own: it needs another logback than JanusGraph."""
_START_SECONDS: Final = 120
_EXPORTS: Final = (
    "java.base/java.lang.ref java.base/jdk.internal.misc java.management.rmi/com.sun.jmx.remote.internal.rmi "
    "java.rmi/sun.rmi.registry java.rmi/sun.rmi.server java.sql/java.sql jdk.attach/sun.tools.attach "
    "jdk.unsupported/sun.misc"
)
_OPENS: Final = (
    "java.base/java.io java.base/java.lang java.base/java.lang.module java.base/java.lang.reflect java.base/java.math "
    "java.base/java.net java.base/java.util java.base/java.util.concurrent java.base/java.util.concurrent.atomic "
    "java.base/jdk.internal.loader java.base/jdk.internal.math java.base/jdk.internal.module "
    "java.base/jdk.internal.ref java.base/jdk.internal.reflect java.base/jdk.internal.util.jar java.base/sun.nio.ch "
    "jdk.management/com.sun.management.internal"
)
"""Both as Cassandra's own options for Java 17 have them, but for the compiler, which our Java lacks."""
_OPTIONS: Final = (
    "-Xms600m",
    "-Xmx600m",
    "-XX:+UseG1GC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djdk.attach.allowAttachSelf=true",
    "-Dio.netty.tryReflectionSetAccessible=true",
    # There are no other nodes to hear from.
    "-Dcassandra.skip_wait_for_gossip_to_settle=0",
    "-Dcassandra.ring_delay_ms=2000",
    "-Dcassandra.superuser_setup_delay_ms=0",
    "-Dcassandra-foreground=yes",
    *(f"--add-exports={package}=ALL-UNNAMED" for package in _EXPORTS.split()),
    *(f"--add-opens={package}=ALL-UNNAMED" for package in _OPENS.split()),
)
_CONFIGURATION: Final = """\
cluster_name: lineal
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
native_transport_port: {port}
storage_port: {storage_port}
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: '127.0.0.1:{storage_port}'
endpoint_snitch: SimpleSnitch
data_file_directories: ['{folder}/data']
commitlog_directory: '{folder}/commitlog'
saved_caches_directory: '{folder}/saved_caches'
hints_directory: '{folder}/hints'
cdc_raw_directory: '{folder}/cdc_raw'
# As in compose: otherwise what is acknowledged within the last tenth of a second is lost with the process.
commitlog_sync: batch
disk_failure_policy: stop
commit_failure_policy: stop
# Every TRUNCATE would leave a copy of the table.
auto_snapshot: false
memtable_heap_space: 64MiB
memtable_offheap_space: 64MiB
file_cache_size: 64MiB
networking_cache_size: 32MiB
key_cache_size: 8MiB
concurrent_reads: 8
concurrent_writes: 8
"""


class Cassandra(Program):
    """The node; it listens on `port`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port, self._storage_port = free_port(), free_port()

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        self.folder.mkdir(exist_ok=True)
        configuration = self.folder / "cassandra.yaml"
        configuration.write_text(
            _CONFIGURATION.format(port=self.port, storage_port=self._storage_port, folder=self.folder)
        )
        (self.folder / "logback.xml").write_text(filled("logback.xml"))
        libraries = jvm.class_path(_COORDINATES)
        (agent,) = (path for path in libraries if path.name.startswith("jamm-"))
        options = [*_OPTIONS, f"-javaagent:{agent}", f"-Dcassandra.config={configuration.as_uri()}"]
        options += [f"-Dcassandra.storagedir={self.folder}"]
        self.launch(libraries, ["org.apache.cassandra.service.CassandraDaemon"], options)
        deadline = time.monotonic() + _START_SECONDS
        while not self._listens():
            assert not self.has_ended(), f"Cassandra has ended: {self.log()[-3000:]}"
            assert time.monotonic() < deadline, f"Cassandra takes no connections: {self.log()[-3000:]}"
            time.sleep(0.3)

    def _listens(self) -> bool:
        try:
            with closing(socket.create_connection(("127.0.0.1", self.port), 1)):
                return True
        except OSError:
            return False
