// Reads one entity at two times through Relay's store.
import relay, { type RequestParameters, type Variables } from "relay-runtime";
import type { AsOf } from "../generated/graphql.js";
import query, { type statusAtQuery } from "./__generated__/statusAtQuery.graphql.js";

const { Environment, Network, RecordSource, Store, createOperationDescriptor, fetchQuery } = relay;

const environment = (url: string) =>
  new Environment({
    network: Network.create(async (request: RequestParameters, variables: Variables) => {
      const response = await fetch(`${url}/graphql`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ query: request.text, variables }),
      });
      return response.json();
    }),
    store: new Store(new RecordSource()),
    getDataID: ({ id, moment }) => (moment ? `${id}@${moment}` : id),
  });

/** Returns the statuses of an entity now and as of a time: read first, and again from the store alone. */
export async function statusesInRelay(url: string, urn: string, asOf: AsOf) {
  const env = environment(url);
  const times = [{ urn, asOf: null }, { urn, asOf }];
  const statuses = [];
  for (const variables of times) {
    const operation = createOperationDescriptor(query, variables);
    env.retain(operation);
    const data = await fetchQuery<statusAtQuery>(env, query, variables).toPromise();
    statuses.push(data?.entity?.status);
  }
  for (const variables of times) {
    const { data } = env.lookup(createOperationDescriptor(query, variables).fragment);
    statuses.push((data as statusAtQuery["response"]).entity?.status);
  }
  const objects = env.getStore().getSource().getRecordIDs().filter((id) => id !== "client:root");
  return { statuses, objects: objects.length };
}
