// Records and reads the lineage of a small experiment, and prints what it read as JSON.
import { Client, RequestFailed } from "./client.js";
import { statusesInApollo } from "./apolloCache.js";
import { comparisonOf, downstreamOf, entityAt, recordLineage, recordMetrics, setStatus } from "./lineage.js";
import { statusesInRelay } from "./relay/relayStore.js";

const client = new Client(process.env["LINEAL_URL"] ?? "http://127.0.0.1:8000", process.env["LINEAL_TOKEN"]);
const raw = "lineal:local:DATASET:raw@1";
const job = "lineal:local:TRAINING_JOB:fit";
const trials = ["lineal:local:TRIAL:a", "lineal:local:TRIAL:b"];
const models = Array.from({ length: 25 }, (_, number) => `lineal:local:MODEL:m${number}`);
const rows = "9007199254740993"; // 2**53 + 1, which no JavaScript number is

// A batch is recorded whole or not at all. `idempotencyKey` makes it safe to send again.
const batch = {
  idempotencyKey: "example-1",
  entities: [
    { kind: "DATASET", name: "raw", version: "1", properties: [{ key: "rows", value: { int: rows } }] },
    { kind: "TRAINING_JOB", name: "fit", status: "IN_PROGRESS" },
    ...models.map((_, number) => ({ kind: "MODEL", name: `m${number}` }) as const),
    { kind: "TRIAL", name: "a", properties: [{ key: "learning_rate", value: { float: 0.1 } }] },
    { kind: "TRIAL", name: "b", properties: [{ key: "learning_rate", value: { float: 10 } }] },
  ],
  associations: [
    { source: { urn: raw }, destination: { urn: job }, type: "CONTRIBUTED_TO", role: "train" },
    ...models.map((urn) => ({ source: { urn: job }, destination: { urn }, type: "PRODUCED" }) as const),
  ],
} satisfies Parameters<typeof recordLineage>[1];
const recorded = await recordLineage(client, batch);
const again = await recordLineage(client, batch);

// What a caller can expect to happen is data.
const refused = await recordLineage(client, {
  entities: [{ kind: "MODEL", name: "new" }],
  associations: [{ source: { urn: "lineal:local:DATASET:absent" }, destination: { urn: raw }, type: "DERIVED_FROM" }],
});

// All else is an error at the top of the response, with a code.
const codes = await entityAt(client, raw, { recordedAt: "yesterday" }).catch((error: unknown) => {
  if (error instanceof RequestFailed) return error.codes;
  throw error;
});

const pages = [];
for await (const page of downstreamOf(client, raw, 10)) pages.push(page.edges);

const diverged = await recordMetrics(client, {
  series: [
    { entity: { urn: trials[0]! }, metric: "loss", observations: [{ step: 1, value: 0.5 }, { step: 2, value: 0.25 }] },
    { entity: { urn: trials[1]! }, metric: "loss", observations: [{ step: 1, value: 0.1 }, { step: 2, value: "NaN" }] },
  ],
});
const trialIds = recorded.entities.flatMap(({ entity }) => (entity && trials.includes(entity.urn) ? [entity.id] : []));
const comparison = await comparisonOf(client, trialIds);
const loss = comparison?.metrics[0];

const before = { recordedAt: recorded.entities[0]?.entity?.recordedAt ?? null };
await setStatus(client, job, "COMPLETED");
const now = await entityAt(client, job);
const then = await entityAt(client, job, before);

console.log(
  JSON.stringify({
    newEntities: [recorded, again].map(({ entities }) => entities.filter(({ isNew }) => isNew).length),
    refused: refused.userErrors.map(({ code, path }) => ({ code, path })),
    codes,
    pages: pages.map((edges) => edges.length),
    distances: [...new Set(pages.flat().map(({ distance }) => distance))],
    models: new Set(pages.flat().flatMap(({ node }) => (node.__typename === "Model" ? [node.urn] : []))).size,
    newObservations: diverged.newCount,
    varying: comparison?.parameters.map(({ key }) => key),
    best: loss?.best?.of.name,
    last: loss?.cells.map(({ metrics }) => metrics[0]?.last),
    nanCounts: loss?.cells.map(({ metrics }) => metrics[0]?.nanCount),
    statuses: [now?.status, then?.status],
    moments: [now?.moment, then?.moment].map((moment) => typeof moment),
    rowsAreExact: BigInt((await entityAt(client, raw))!.properties[0]!.text) === 2n ** 53n + 1n,
    absent: await entityAt(client, "lineal:local:MODEL:absent"),
    apollo: await statusesInApollo(client.url, job, before),
    relay: await statusesInRelay(client.url, job, before),
  }),
);
