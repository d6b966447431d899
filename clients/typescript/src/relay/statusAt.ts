// The query for relay-compiler, which writes what `relayStore.ts` imports; with a Babel plugin, it stands there itself.
import { graphql } from "relay-runtime";

export const statusAtQuery = graphql`
  query statusAtQuery($urn: String!, $asOf: AsOf) {
    entity(urn: $urn, asOf: $asOf) {
      id
      moment
      status
    }
  }
`;
