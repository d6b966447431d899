// Sends operations to a Lineal server.
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { print, type GraphQLFormattedError } from "graphql";

/** The server refused a request, or could not answer a part of it: the data that it has is in `data`. */
export class RequestFailed extends Error {
  constructor(
    readonly errors: readonly GraphQLFormattedError[],
    readonly data: unknown,
  ) {
    super(errors.map((error) => error.message).join("; "));
  }

  get codes(): unknown[] {
    return this.errors.map((error) => error.extensions?.["code"]);
  }
}

export class Client {
  constructor(
    readonly url: string,
    readonly token?: string,
  ) {}

  /** Returns the data of an operation. Throws RequestFailed if the response has errors, even beside data. */
  async execute<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data> {
    const response = await fetch(`${this.url}/graphql`, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/graphql-response+json, application/json",
        ...(this.token ? { Authorization: `Bearer ${this.token}` } : {}),
      },
      body: JSON.stringify({ query: print(document), variables }),
    });
    const { data, errors = [] } = (await response.json()) as { data?: Data; errors?: GraphQLFormattedError[] };
    if (errors.length || !data) throw new RequestFailed(errors, data);
    return data;
  }
}
