// The operations of the example, a function each.
import type { Client } from "./client.js";
import { graphql } from "./generated/gql.js";
import type {
  AsOf,
  DownstreamQuery,
  LineageRecordInput,
  ObservationsRecordInput,
} from "./generated/graphql.js";

const record = graphql(`
  mutation Record($input: LineageRecordInput!) {
    lineageRecord(input: $input) {
      entities { isNew entity { id moment urn recordedAt } }
      userErrors { code ...Problem }
    }
  }
`);

export async function recordLineage(client: Client, input: LineageRecordInput) {
  return (await client.execute(record, { input })).lineageRecord;
}

graphql(`
  fragment Problem on UserError { message path }
`);

const observe = graphql(`
  mutation Observe($input: ObservationsRecordInput!) {
    observationsRecord(input: $input) {
      newCount
      userErrors { code ...Problem }
    }
  }
`);

export async function recordMetrics(client: Client, input: ObservationsRecordInput) {
  return (await client.execute(observe, { input })).observationsRecord;
}

const revise = graphql(`
  mutation Revise($urn: String!, $status: EntityStatus!) {
    entityRevise(input: { entity: { urn: $urn }, status: $status }) {
      isNew
      userErrors { code ...Problem }
    }
  }
`);

export async function setStatus(client: Client, urn: string, status: "COMPLETED" | "FAILED") {
  return (await client.execute(revise, { urn, status })).entityRevise;
}

const downstream = graphql(`
  query Downstream($urn: String!, $first: Int!, $after: String) {
    entity(urn: $urn) {
      id
      moment
      descendants(first: $first, after: $after) {
        edges { distance node { __typename id moment urn ... on Model { groups { totalCount } } } }
        pageInfo { hasNextPage endCursor }
        completeness { isComplete reasons }
      }
    }
  }
`);

type Page = NonNullable<DownstreamQuery["entity"]>["descendants"];

/** Yields the pages of all that is downstream of an entity. Throws if the entity does not exist. */
export async function* downstreamOf(client: Client, urn: string, first: number): AsyncGenerator<Page> {
  let after: string | null | undefined;
  do {
    const { entity }: DownstreamQuery = await client.execute(downstream, { urn, first, after: after ?? null });
    if (!entity) throw new Error(`${urn} does not exist, or you may not read it`);
    yield entity.descendants;
    const { hasNextPage, endCursor } = entity.descendants.pageInfo;
    after = hasNextPage ? endCursor : undefined;
  } while (after);
}

const compare = graphql(`
  query Compare($of: [EntityRef!]!) {
    comparison(of: $of) {
      parameters(varying: true) { key cells { of { id moment name } values { value } } }
      metrics {
        name
        best(goal: MINIMUM) { of { id moment name } }
        cells { of { id moment name } metrics { last min nanCount } }
      }
    }
  }
`);

export async function comparisonOf(client: Client, ids: string[]) {
  return (await client.execute(compare, { of: ids.map((id) => ({ id })) })).comparison;
}

const read = graphql(`
  query Read($urn: String!, $asOf: AsOf) {
    entity(urn: $urn, asOf: $asOf) { id moment urn status properties { key type text } }
  }
`);

/** Returns an entity now or as of a time; null if it does not exist then, or the caller may not read it. */
export async function entityAt(client: Client, urn: string, asOf: AsOf | null = null) {
  return (await client.execute(read, { urn, asOf })).entity;
}
