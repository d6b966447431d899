"""Artifacts with fields of their own: datasets, images, code."""

import strawberry

from lineal.graphstore.kinds import EntityKind
from lineal.resolvers import kind_fields as read
from lineal.schema.entities import Entity, of_kind
from lineal.schema.projection import pure


@of_kind(EntityKind.DATASET)
class Dataset(Entity):
    @strawberry.field(description="Address of the data (`source.uri`); null where it is not known.")
    @pure(lambda record, context, arguments: read.uri(record))
    def uri(self) -> str | None:
        return read.uri(self)  # type: ignore[arg-type]

    @strawberry.field(description="Version of the stored object: the S3_VERSION of the source, else `version`.")
    @pure(lambda record, context, arguments: read.object_version(record))
    def object_version(self) -> str | None:
        return read.object_version(self)  # type: ignore[arg-type]


@of_kind(EntityKind.IMAGE)
class Image(Entity):
    @strawberry.field(
        description="Digest as container registries write it, `sha256:...`: the SHA256 of the source, else "
        "`version` where that is a digest; else null."
    )
    @pure(lambda record, context, arguments: read.digest_value(record))
    def digest_value(self) -> str | None:
        return read.digest_value(self)  # type: ignore[arg-type]


@of_kind(EntityKind.CODE)
class Code(Entity):
    @strawberry.field(
        description="Address of the repository: the source's, else the property `repository`; null where neither "
        "is known."
    )
    @pure(lambda record, context, arguments: read.repository(record))
    def repository(self) -> str | None:
        return read.repository(self)  # type: ignore[arg-type]

    @strawberry.field(description="Commit id: `version`, else the property `commit`; null where neither is known.")
    @pure(lambda record, context, arguments: read.commit(record))
    def commit(self) -> str | None:
        return read.commit(self)  # type: ignore[arg-type]
