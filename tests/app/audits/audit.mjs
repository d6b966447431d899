// Runs every server audit of graphql-http against a running server; one line of JSON an audit.
import { serverAudits } from 'graphql-http';

for (const audit of serverAudits({ url: process.argv[2], fetchFn: fetch })) {
  const result = await audit.fn();
  console.log(JSON.stringify({ id: audit.id, name: audit.name, status: result.status, reason: result.reason }));
  if (result.response) await result.response.text?.().catch(() => {});
}
