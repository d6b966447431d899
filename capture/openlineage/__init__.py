"""OpenLineage: reads events as producers send them, maps them to lineage and records them."""

from lineal.capture.openlineage.events import InvalidEvent
from lineal.capture.openlineage.mapping import mapped_event
from lineal.capture.openlineage.recording import receive, record_event

__all__ = ["InvalidEvent", "mapped_event", "receive", "record_event"]
