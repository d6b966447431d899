import { createRoot } from 'react-dom/client';
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
const tabs = [endpoints, made, openlineage].map((query) => ({ query }));

createRoot(document.getElementById('graphiql')).render(
  <GraphiQL fetcher={fetcher} defaultTabs={tabs} defaultEditorToolsVisibility={false} shouldPersistHeaders={false}>
    <GraphiQL.Logo>Lineal</GraphiQL.Logo>
  </GraphiQL>,
);
