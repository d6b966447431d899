"""A synthetic but plausible ML graph, for the demo, tests and benchmarks; the same for the same numbers.

    python -m lineal.capture.sample MODELS FILE [SEED]

writes the native form: teams with raw data, commits and base images; jobs that prepare data and train models;
registered versions, endpoints, and predictions that become somebody's data. About five entities and nine associations
a model.
"""

import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TextIO

import orjson

_BEGIN = datetime(2021, 1, 1, tzinfo=UTC)

Row = dict[str, dict[str, Any]]


class _Maker:
    """Rows in order of time, from one seeded source of chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 (nothing here is secret)
        self._seconds = 0

    def _when(self) -> str:
        self._seconds += self.chance.randint(1, 90)
        return (_BEGIN + timedelta(seconds=self._seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def entity(self, kind: str, account: str, name: str, version: str | None = None, **more: Any) -> Row:
        fields = {"key": f"{kind}:{name}", "kind": kind, "account": account, "name": name, "version": version, **more}
        fields_set = {field: value for field, value in fields.items() if value is not None}
        return {"entity": {**fields_set, "occurredAt": self._when()}}

    def association(self, source: str, destination: str, type: str) -> Row:
        return {"association": {"source": source, "destination": destination, "type": type, "occurredAt": self._when()}}


class _Team:
    """The outputs of a team so far, the newest last."""

    def __init__(self, number: int) -> None:
        self.number, self.account = number, f"{100_000_000_000 + number}"
        self.datasets = [f"DATASET:raw-{number}-{n}" for n in range(4)]
        self.commits: list[str] = []
        self.models: list[str] = []


def sample(models: int, seed: int = 7) -> Iterator[Row]:
    """The rows of a graph with so many models."""
    make = _Maker(seed)
    chance = make.chance
    teams = [_Team(number) for number in range(max(2, models // 500))]
    images = [f"base-{n}@sha256:{chance.getrandbits(256):064x}" for n in range(8)]
    for image in images:
        source = {"uri": f"registry.example/{image.split('@')[0]}", "type": "OCI"}
        yield make.entity("IMAGE", teams[0].account, image, source=source)
    for team in teams:
        for n, key in enumerate(team.datasets):
            source = {"uri": f"s3://team-{team.number}/raw/{n}", "type": "S3"}
            size = {"bytes": chance.randint(10**6, 10**12)}
            yield make.entity("DATASET", team.account, key.split(":")[1], "1", source=source, properties=size)
        yield make.entity("EXPERIMENT", team.account, f"team-{team.number}")
    for number in range(models):
        yield from _model(make, teams, teams[number % len(teams)], images, number)


def _model(make: _Maker, teams: list[_Team], team: _Team, images: list[str], number: int) -> Iterator[Row]:
    chance = make.chance
    if not team.commits or chance.random() < 0.5:
        commit = f"{chance.getrandbits(160):040x}"
        location = {"uri": f"git://team-{team.number}.example/research", "type": "GIT"}
        yield make.entity("CODE", team.account, f"team-{team.number}/{commit}", commit, source=location)
        team.commits.append(f"CODE:team-{team.number}/{commit}")
    if chance.random() < 0.35:
        yield from _preparation(make, teams, team, number)
    trial, job, model = f"TRIAL:t-{number}", f"TRAINING_JOB:train-{number}", f"MODEL:model-{number}"
    yield make.entity("TRIAL", team.account, f"t-{number}")
    yield make.association(f"EXPERIMENT:team-{team.number}", trial, "ASSOCIATED_WITH")
    rate, epochs = round(10 ** chance.uniform(-5, -1), 6), chance.choice((1, 3, 10, 30))
    tried = {"hyperparameters": {"learning_rate": rate, "epochs": epochs}, "metrics": {"auc": chance.random()}}
    yield make.entity("TRAINING_JOB", team.account, f"train-{number}", status="COMPLETED", properties=tried)
    yield make.association(trial, job, "ASSOCIATED_WITH")
    used = {chance.choice(team.datasets[-20:]) for _ in range(chance.randint(1, 3))}
    for source in (*sorted(used), team.commits[-1], f"IMAGE:{chance.choice(images)}"):
        yield make.association(source, job, "CONTRIBUTED_TO")
    if team.models and chance.random() < 0.25:
        yield make.association(chance.choice(team.models[-10:]), job, "CONTRIBUTED_TO")
    location = {"uri": f"s3://team-{team.number}/models/{number}.tar.gz", "type": "S3"}
    yield make.entity("MODEL", team.account, f"model-{number}", f"{number}", source=location)
    yield make.association(job, model, "PRODUCED")
    team.models.append(model)
    if chance.random() < 0.3:
        yield from _registration(make, team, number)
    if chance.random() < 0.05:
        yield from _prediction(make, teams, team, number)


def _preparation(make: _Maker, teams: list[_Team], team: _Team, number: int) -> Iterator[Row]:
    chance = make.chance
    job, dataset = f"PROCESSING_JOB:prep-{number}", f"DATASET:features-{number}"
    yield make.entity("PROCESSING_JOB", team.account, f"prep-{number}", status="COMPLETED")
    pool = (team if chance.random() < 0.9 else chance.choice(teams)).datasets[-30:]
    used = {chance.choice(pool) for _ in range(chance.randint(1, 3))}
    if chance.random() < 0.1:
        used.add(team.datasets[0])
    for source in (*sorted(used), team.commits[-1]):
        yield make.association(source, job, "CONTRIBUTED_TO")
    location = {"uri": f"s3://team-{team.number}/features/{number}", "type": "S3"}
    rows = {"rows": chance.randint(10**3, 10**9)}
    yield make.entity("DATASET", team.account, f"features-{number}", f"{number}", source=location, properties=rows)
    yield make.association(job, dataset, "PRODUCED")
    team.datasets.append(dataset)


def _registration(make: _Maker, team: _Team, number: int) -> Iterator[Row]:
    version = f"MODEL_VERSION:registry-{team.number}/{number}"
    yield make.entity("MODEL_VERSION", team.account, f"registry-{team.number}/{number}", f"{number}")
    yield make.association(f"MODEL:model-{number}", version, "ASSOCIATED_WITH")
    if make.chance.random() < 0.2:
        yield make.entity("ENDPOINT", team.account, f"serve-{team.number}-{number}", status="IN_SERVICE")
        yield make.association(version, f"ENDPOINT:serve-{team.number}-{number}", "CONTRIBUTED_TO")


def _prediction(make: _Maker, teams: list[_Team], team: _Team, number: int) -> Iterator[Row]:
    job, dataset = f"TRANSFORM_JOB:score-{number}", f"DATASET:scores-{number}"
    yield make.entity("TRANSFORM_JOB", team.account, f"score-{number}", status="COMPLETED")
    location = {"uri": f"s3://team-{team.number}/scores/{number}", "type": "S3"}
    yield make.entity("DATASET", team.account, f"scores-{number}", f"{number}", source=location)
    yield make.association(f"MODEL:model-{number}", job, "CONTRIBUTED_TO")
    yield make.association(job, dataset, "PRODUCED")
    make.chance.choice(teams).datasets.append(dataset)


def write(models: int, out: TextIO, seed: int = 7) -> int:
    """Write a graph, one row a line; returns the number of rows."""
    count = 0
    for count, row in enumerate(sample(models, seed), 1):  # noqa: B007 (the last number is the count)
        out.write(orjson.dumps(row).decode() + "\n")
    return count


if __name__ == "__main__":
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        print(f"{write(int(sys.argv[1]), out, *map(int, sys.argv[3:]))} records")  # noqa: T201 (a command's answer)
