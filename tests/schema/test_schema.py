"""The schema as a product: committed, described, and true to the records."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_named_type,
)
from graphql_requests import GRAPH, answer, data
from record_builders import DAY, EPOCH, properties
from strawberry.utils.str_converters import to_camel_case

from lineal.auth.scopes import EVERYTHING
from lineal.graphstore.batches import Batch, NewEntity, NewRevision
from lineal.graphstore.kinds import EntityKind, EntityStatus, SourceIdType
from lineal.graphstore.opening import open_store
from lineal.graphstore.records import Source, SourceId
from lineal.graphstore.urns import make_urn
from lineal.resolvers.errors import BadInput
from lineal.resolvers.list_names import LIST_NAMES
from lineal.schema import sdl
from lineal.schema.entities import type_name


def test_the_committed_schema_is_the_code_s() -> None:
    assert Path("schema.graphql").read_text() == sdl(), "run: lineal schema > schema.graphql"


def everything() -> Iterator[tuple[str, str | None]]:
    for name, type in GRAPH.type_map.items():
        if name.startswith("__") or name in ("String", "Int", "Float", "Boolean", "ID"):
            continue
        yield name, type.description
        if isinstance(type, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for field_name, field in type.fields.items():
                yield f"{name}.{field_name}", field.description
                for argument_name, argument in getattr(field, "args", {}).items():
                    yield f"{name}.{field_name}({argument_name})", argument.description
        elif isinstance(type, GraphQLEnumType):
            yield from ((f"{name}.{value}", given.description) for value, given in type.values.items())


def test_everything_is_described() -> None:
    assert [name for name, description in everything() if not (description or "").strip().endswith((".", "?"))] == []


async def test_every_kind_shows_every_plain_field_of_its_record() -> None:
    plain = (
        "__typename id urn kind lineageType account name version type description title status tags recordedBy digest "
    )
    plain += "occurredAt recordedAt source { uri type ids { type value } } properties { key type value }"
    entities = tuple(
        NewEntity(
            "acc",
            kind,
            f"name of {kind}",
            "v",
            "sub",
            "text",
            EntityStatus.PENDING,
            Source("s3://x", "S3", (SourceId(SourceIdType.MD5, "1"),)),
            ("b", "a"),
            properties(n=1),
            EPOCH,
            "title",
        )
        for kind in EntityKind
        if kind is not EntityKind.RESTRICTED
    )
    async with await open_store("memory:") as store:
        done = await store.record(Batch(entities), by="me", returning=EVERYTHING)
        for record in filter(None, done.entities):
            (shown,) = (await data(store, f'{{ entity(urn: "{record.urn}") {{ {plain} }} }}')).values()
            name = "".join(word.capitalize() for word in record.kind.split("_"))
            assert shown == {
                "__typename": name,
                "id": record.id,
                "urn": make_urn("acc", record.kind, f"name of {record.kind}", "v"),
                "kind": record.kind,
                "lineageType": record.lineage_type,
                "account": "acc",
                "name": record.name,
                "version": "v",
                "type": "sub",
                "description": "text",
                "title": "title",
                "status": "PENDING",
                "tags": ["a", "b"],
                "recordedBy": "me",
                "digest": record.digest,
                "occurredAt": "2020-09-13T12:26:40.000000Z",
                "recordedAt": shown["recordedAt"],
                "source": {"uri": "s3://x", "type": "S3", "ids": [{"type": "MD5", "value": "1"}]},
                "properties": [{"key": "n", "type": "INTEGER", "value": 1}],
            }
            by_id = await data(store, f'{{ node(id: "{record.id}") {{ id ... on {name} {{ name }} }} }}')
            assert by_id == {"node": {"id": record.id, "name": record.name}}


async def test_user_errors_have_a_path() -> None:
    record = """mutation ($input: LineageRecordInput!) { lineageRecord(input: $input) {
      entities { isNew } associations { isNew } userErrors { code message path } } }"""
    a, b = {"urn": "lineal:local:DATASET:a"}, {"urn": "lineal:local:DATASET:b"}
    cases: list[tuple[dict[str, Any], list[tuple[str, list[str]]]]] = [
        ({"entities": [{"kind": "DATASET", "name": ""}]}, [("INVALID_VALUE", ["input", "entities", "0", "name"])]),
        ({"entities": [{"kind": "DATASET", "name": "x" * 4097}]}, [("TOO_LARGE", ["input", "entities", "0", "name"])]),
        ({"entities": [{"kind": "DATASET", "name": f"{n}"} for n in range(1001)]},
         [("TOO_LARGE", ["input", "entities"])]),
        ({"associations": [{"source": a, "destination": {"urn": "lineal:b"}, "type": "PRODUCED"}]},
         [("INVALID_VALUE", ["input", "associations", "0", "destination"])]),
        ({"associations": [{"source": a, "destination": a, "type": "PRODUCED"}]},
         [("SELF_ASSOCIATION", ["input", "associations", "0"])]),
        ({"associations": [{"source": a, "destination": b, "type": "PRODUCED"}]},
         [("NOT_FOUND", ["input", "associations", "0", "destination"])]),
        ({"associations": [{"source": {"id": "nothing"}, "destination": a, "type": "PRODUCED"}]},
         [("NOT_FOUND", ["input", "associations", "0", "source"])]),
        ({"entities": [{"kind": "DATASET", "name": "a", "description": "other"}]},
         [("IMMUTABLE_CONFLICT", ["input", "entities", "0"])]),
        ({"entities": [{"kind": "DATASET", "name": "c"}], "idempotencyKey": "k"},
         [("IDEMPOTENCY_MISMATCH", ["input", "idempotencyKey"])]),
        ({"entities": [{"kind": "DATASET", "name": "big", "description": "x" * 2**21}]},
         [("TOO_LARGE", ["input", "entities", "0", "description"])]),
        ({"entities": [{"kind": "DATASET", "name": f"{n}", "description": "x" * 2**20} for n in range(9)]},
         [("TOO_LARGE", ["input"])]),
    ]  # fmt: skip
    async with await open_store("memory:") as store:
        first = {"entities": [{"kind": "DATASET", "name": "a"}], "idempotencyKey": "k"}
        for _ in range(2):
            done = (await data(store, record, {"input": first}))["lineageRecord"]
            assert (done["entities"], done["userErrors"]) == ([{"isNew": True}], [])
        before = await store.watermark()
        for given, expected in cases:
            done = (await data(store, record, {"input": given}))["lineageRecord"]
            assert (done["entities"], done["associations"]) == ([], [])
            assert [(error["code"], error["path"]) for error in done["userErrors"]] == expected
        assert await store.watermark() == before


async def test_references_by_id_within_a_batch_and_before_it() -> None:
    from lineal.graphstore.urns import entity_id

    record = """mutation ($i: LineageRecordInput!) { lineageRecord(input: $i) {
      associations { isNew association { source { urn } destination { urn } } } userErrors { code path } } }"""
    old, new = "lineal:local:DATASET:old", "lineal:local:MODEL:new"
    async with await open_store("memory:") as store:
        await data(store, record, {"i": {"entities": [{"kind": "DATASET", "name": "old"}]}})
        ends = {"source": {"id": entity_id(old)}, "destination": {"id": entity_id(new)}, "type": "PRODUCED"}
        variables = {"entities": [{"kind": "MODEL", "name": "new"}], "associations": [ends]}
        done = (await data(store, record, {"i": variables}))["lineageRecord"]
        assert done["userErrors"] == []
        assert done["associations"][0]["association"] == {"source": {"urn": old}, "destination": {"urn": new}}


async def test_revising() -> None:
    revise = """mutation ($i: EntityReviseInput!) { entityRevise(input: $i) { isNew entity { status tags }
      revision { sequence removed supersededBy { name } } userErrors { code path message } } }"""
    x, y = "lineal:a:DATASET:x", "lineal:a:DATASET:y"
    async with await open_store("memory:") as store:
        entities = (NewEntity("a", EntityKind.DATASET, "x"), NewEntity("a", EntityKind.DATASET, "y"))
        seed = NewRevision(x, properties=properties(k=1), occurred_at=EPOCH + DAY)
        await store.record(Batch(entities, revisions=(seed,)), by="me")
        variables: dict[str, Any] = {"entity": {"urn": x}, "tags": ["t"], "removed": ["k"], "supersededBy": {"urn": y}}
        done = (await data(store, revise, {"i": variables}))["entityRevise"]
        assert done["revision"] == {"sequence": 2, "removed": ["k"], "supersededBy": {"name": "y"}}
        assert (done["isNew"], done["entity"]) == (True, {"status": None, "tags": ["t"]})
        wrong: list[tuple[dict[str, Any], tuple[str, list[str]]]] = [
            ({"entity": {"urn": x}}, ("INVALID_VALUE", ["input"])),
            ({"entity": {"urn": "lineal:no"}, "tags": []}, ("INVALID_VALUE", ["input", "entity"])),
            ({"entity": {"urn": "lineal:a:DATASET:no"}, "tags": []}, ("NOT_FOUND", ["input", "entity"])),
            ({"entity": {"urn": x}, "supersededBy": {"id": "no"}}, ("NOT_FOUND", ["input", "supersededBy"])),
            ({"entity": {"urn": x}, "supersededBy": {"urn": x}}, ("INVALID_VALUE", ["input", "supersededBy"])),
            ({"entity": {"urn": x}, "tags": [""]}, ("INVALID_VALUE", ["input", "tags", "0"])),
        ]
        for variables, (code, path) in wrong:
            done = (await data(store, revise, {"i": variables}))["entityRevise"]
            assert (done["entity"], done["revision"], done["isNew"]) == (None, None, False)
            assert [(error["code"], error["path"]) for error in done["userErrors"]] == [(code, path)]


async def test_an_absent_entity_is_null() -> None:
    async with await open_store("memory:") as store:
        query = """{ node(id: "x") { id } nodes(ids: ["", "y"]) { id } entity(urn: "lineal:local:DATASET:x") { id }
          lineage(from: [{id: "x"}], direction: DESCENDANTS) { totalCount } }"""
        assert await data(store, query) == {"node": None, "nodes": [None, None], "entity": None, "lineage": None}


async def test_a_root_field_lists_the_entities_of_every_kind() -> None:
    kinds = [kind for kind in EntityKind if kind is not EntityKind.RESTRICTED]
    query = GRAPH.query_type
    assert query is not None
    lists = {
        field: str(query.fields[field].type).removesuffix("Connection!")
        for field in map(to_camel_case, LIST_NAMES.values())
    }
    assert lists["trialComponents"] == "TrialComponent"
    assert (lists["libraries"], lists["parameters"], lists["codes"]) == ("Library", "Parameters", "Code")
    async with await open_store("memory:") as store:
        entities = tuple(NewEntity("acc", kind, name, occurred_at=EPOCH) for kind in kinds for name in ("a", "b"))
        await store.record(Batch(entities), by="me")
        asked = '(where: {name: {ne: "b"}}, first: 5) { totalCount nodes { __typename name } }'
        response = await data(store, "{" + " ".join(name + asked for name in lists) + "}")
    assert response == {
        name: {"totalCount": 1, "nodes": [{"__typename": type, "name": "a"}]} for name, type in lists.items()
    }
    assert sorted(lists.values()) == sorted(type_name(kind) for kind in kinds)


async def test_the_errors_of_every_mutation_are_user_errors_with_codes_of_their_own() -> None:
    mutation = GRAPH.mutation_type
    assert mutation is not None
    codes = []
    for field in mutation.fields.values():
        payload: Any = get_named_type(field.type)
        error: Any = get_named_type(payload.fields["userErrors"].type)
        assert [str(interface) for interface in error.interfaces] == ["UserError"]
        codes.append(str(error.fields["code"].type))
        assert codes[-1] == f"{error.name}Code!"
    assert len(set(codes)) == len(mutation.fields)
    query = """mutation { lineageRecord(input: {entities: [{kind: DATASET, name: ""}]}) {
      userErrors { __typename ... on UserError { message path } ... on LineageRecordError { code } } } }"""
    async with await open_store("memory:") as store:
        (error,) = (await data(store, query))["lineageRecord"]["userErrors"]
    assert (error["__typename"], error["code"], error["path"]) == (
        "LineageRecordError",
        "INVALID_VALUE",
        ["input", "entities", "0", "name"],
    )


async def test_a_list_of_one_kind_refuses_another() -> None:
    async with await open_store("memory:") as store:
        for where, problem in (
            ("{kind: [DATASET]}", "names DATASET: ask datasets, or entities for several kinds"),
            ("{kind: [MODEL, MODEL_VERSION]}", "names MODEL_VERSION: ask modelVersions, or entities for several kinds"),
            ("{or: [{and: [{kind: [LIBRARY]}]}, {}]}", "names LIBRARY: ask libraries, or entities for several kinds"),
            ("{kind: [RESTRICTED]}", "names RESTRICTED: ask entities"),
        ):
            result = await answer(store, f"{{ models(where: {where}) {{ totalCount }} }}")
            (error,) = result.errors
            assert error.message == f"models lists entities of kind MODEL only, and where.kind {problem}"
            assert isinstance(error.original_error, BadInput)
        for where in ("{kind: [MODEL]}", "{not: {kind: [DATASET]}}", "{kind: []}", "{or: []}"):
            assert (await data(store, f"{{ models(where: {where}) {{ totalCount }} }}"))["models"]["totalCount"] == 0
