// Reads one entity at two times through Apollo Client's cache.
import { ApolloClient, HttpLink, InMemoryCache } from "@apollo/client";
import { graphql } from "./generated/gql.js";
import possibleTypes from "./generated/possibleTypes.js";
import type { AsOf } from "./generated/graphql.js";

const cache = () =>
  new InMemoryCache({
    possibleTypes: possibleTypes.possibleTypes,
    typePolicies: {
      Entity: { keyFields: ["id", "moment"] },
      Association: { keyFields: ["id", "moment"] },
    },
  });

const statusAt = graphql(`
  query StatusAt($urn: String!, $asOf: AsOf) {
    entity(urn: $urn, asOf: $asOf) { id moment status }
  }
`);

/** Returns the statuses of an entity now and as of a time: read first, and again from the cache alone. */
export async function statusesInApollo(url: string, urn: string, asOf: AsOf) {
  const memory = cache();
  const client = new ApolloClient({ cache: memory, link: new HttpLink({ uri: `${url}/graphql` }) });
  const times = [null, asOf];
  const statuses = [];
  for (const fetchPolicy of ["network-only", "cache-only"] as const) {
    for (const at of times) {
      const { data } = await client.query({ query: statusAt, variables: { urn, asOf: at }, fetchPolicy });
      statuses.push(data?.entity?.status);
    }
  }
  const objects = Object.keys(memory.extract()).filter((key) => key !== "ROOT_QUERY");
  return { statuses, objects: objects.length };
}
