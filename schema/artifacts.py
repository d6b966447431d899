"""Artifacts with fields of their own: datasets, images, code."""

import strawberry

from lineal.graphstore.kinds import EntityKind
from lineal.resolvers import kind_fields as read
from lineal.schema.entities import Entity, of_kind
from lineal.schema.projection import pure


@of_kind(EntityKind.DATASET)
class Dataset(Entity):
    @strawberry.field(description="Where it lies: the address of its source.")
    @pure(lambda record, context, arguments: read.uri(record))
    def uri(self) -> str | None:
        return read.uri(self)  # type: ignore[arg-type]

    @strawberry.field(
        description="Which version of the stored object it is: the S3_VERSION of its source, else its `version`."
    )
    @pure(lambda record, context, arguments: read.object_version(record))
    def object_version(self) -> str | None:
        return read.object_version(self)  # type: ignore[arg-type]


@of_kind(EntityKind.IMAGE)
class Image(Entity):
    @strawberry.field(
        description="Its digest as registries write it, `sha256:...`: the SHA256 of its source, else its `version` "
        "where that is one."
    )
    @pure(lambda record, context, arguments: read.digest_value(record))
    def digest_value(self) -> str | None:
        return read.digest_value(self)  # type: ignore[arg-type]


@of_kind(EntityKind.CODE)
class Code(Entity):
    @strawberry.field(description="Where it is kept: the address of its source, else its property `repository`.")
    @pure(lambda record, context, arguments: read.repository(record))
    def repository(self) -> str | None:
        return read.repository(self)  # type: ignore[arg-type]

    @strawberry.field(description="Which commit it is: its `version`, else its property `commit`.")
    @pure(lambda record, context, arguments: read.commit(record))
    def commit(self) -> str | None:
        return read.commit(self)  # type: ignore[arg-type]
