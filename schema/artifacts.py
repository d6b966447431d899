"""Artifacts with fields of their own: datasets, features, images, code."""

from typing import Annotated

import strawberry

from lineal.auth.directive import access
from lineal.auth.permissions import Permission
from lineal.graphstore.kinds import EntityKind
from lineal.resolvers import kind_fields as read
from lineal.resolvers import related as resolve
from lineal.schema import arguments as arg
from lineal.schema.connections import Connection
from lineal.schema.entities import Entity, Info, of_kind
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

    @strawberry.field(description="Features, or columns, of the dataset, sorted by URN.", **access(Permission.TRAVERSE))
    async def features(
        self, info: Info, first: arg.RelatedFirst = 5, after: arg.After = None
    ) -> Connection[Annotated["Feature", strawberry.lazy("lineal.schema.artifacts")]]:
        return await resolve.related(info.context, self, resolve.FEATURES_OF_DATASET, first, after)  # type: ignore[arg-type, return-value]


@of_kind(EntityKind.FEATURE)
class Feature(Entity):
    @strawberry.field(
        description="Dataset that the feature is a column of; of several, the first by URN. Null where there is none "
        "that the caller may see.",
        **access(Permission.TRAVERSE),
    )
    async def dataset(self, info: Info) -> Dataset | None:
        return await resolve.one_related(info.context, self, resolve.DATASET_OF_FEATURE)  # type: ignore[arg-type, return-value]


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
