import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { buildSchema } from 'graphql';
import { GraphiQL } from 'graphiql';
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import 'graphiql/style.css';
import './page.css';
import endpoints from './examples/corrupt-dataset.graphql';
import made from './examples/what-made-this-model.graphql';
import openlineage from './examples/openlineage-sample.graphql';

const workers = { json: 'json.worker.js', graphql: 'graphql.worker.js' };
globalThis.MonacoEnvironment = {
  getWorker: (_id, label) => new Worker(`/static/graphiql/${workers[label] ?? 'editor.worker.js'}`),
};

const fetcher = createGraphiQLFetcher({ url: '/graphql', legacyWsClient: false });

// A link such as /graphql?query=...&variables=... opens the query in a tab. It is not sent until the user does.
const link = new URLSearchParams(location.search);
const linked = { query: link.get('query') ?? undefined, variables: link.get('variables') ?? undefined };
const examples = [endpoints, made, openlineage].map((query) => ({ query }));
const tabs = linked.query ? [linked, ...examples] : examples;

// The schema is public, and introspection is not: a user without a token can read the documentation.
async function publicSchema() {
  const answer = await fetch('/schema.graphql');
  return answer.ok ? buildSchema(await answer.text()) : undefined;
}

// What a new user needs to know first: that a key is missing, or that there is nothing to ask about yet.
async function firstStep() {
  const answer = await fetch('/graphql', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify({ query: '{ entities(first: 1) { totalCount } }' }),
  });
  if (answer.status === 401) {
    return (
      <>
        To send queries, put a token or an API key among the headers below the query:{' '}
        <code>{'{"Authorization": "Bearer ..."}'}</code>
      </>
    );
  }
  const { data } = await answer.json();
  if (data?.entities?.totalCount !== 0) return null;
  return (
    <>
      This store is empty. To load the sample that the examples ask about:
      <pre>
        python -m lineal.capture.sample 300 sample.jsonl{'\n'}
        lineal ingest sample.jsonl --url {location.origin}
      </pre>
    </>
  );
}

function Notice() {
  const [text, setText] = useState(null);
  useEffect(() => {
    firstStep().then(setText, () => setText(null));
  }, []);
  if (!text) return null;
  return (
    <div className="notice" role="status">
      <div>{text}</div>
      <button type="button" aria-label="Close" onClick={() => setText(null)}>×</button>
    </div>
  );
}

const schema = await publicSchema().catch(() => undefined);
createRoot(document.getElementById('graphiql')).render(
  <>
    <Notice />
    <GraphiQL
      fetcher={fetcher}
      schema={schema}
      initialQuery={linked.query}
      initialVariables={linked.query && linked.variables}
      defaultTabs={tabs}
      defaultEditorToolsVisibility={linked.query && linked.variables ? 'variables' : false}
      shouldPersistHeaders={false}
    >
      <GraphiQL.Logo>Lineal</GraphiQL.Logo>
    </GraphiQL>
  </>,
);
