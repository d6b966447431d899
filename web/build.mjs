// Bundles GraphiQL and its workers into static/, with the licences of everything bundled.
import { build } from 'esbuild';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const out = process.argv[2] ?? 'static';
await rm(out, { recursive: true, force: true });

const shared = {
  bundle: true,
  minify: true,
  metafile: true,
  legalComments: 'none',
  define: { 'process.env.NODE_ENV': '"production"', 'globalThis.process.env.NODE_ENV': '"production"' },
  loader: { '.graphql': 'text', '.ttf': 'file', '.woff': 'file', '.woff2': 'file' },
  jsx: 'automatic',
  assetNames: '[name]-[hash]',
  logLevel: 'warning',
};
const page = await build({
  ...shared,
  entryPoints: { graphiql: 'src/main.jsx' },
  outdir: out,
  format: 'esm',
  splitting: true,
  chunkNames: 'chunk-[hash]',
});
const workers = await build({
  ...shared,
  entryPoints: {
    'editor.worker': 'monaco-editor/esm/vs/editor/editor.worker.js',
    'json.worker': 'monaco-editor/esm/vs/language/json/json.worker.js',
    'graphql.worker': 'monaco-graphql/esm/graphql.worker.js',
  },
  outdir: out,
  format: 'iife',
});

const packages = new Map();
for (const input of [page, workers].flatMap((result) => Object.keys(result.metafile.inputs))) {
  const found = input.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//);
  if (!found || packages.has(found[1])) continue;
  packages.set(found[1], JSON.parse(await readFile(join(found[1], 'package.json'), 'utf8')));
}
const texts = [];
for (const [folder, { name, version, license }] of [...packages].sort((a, b) => (a[1].name < b[1].name ? -1 : 1))) {
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file)).sort();
  const kept = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  texts.push(`${name} ${version} (${license})\n\n${kept.map((text) => text.trim()).join('\n\n') || 'No licence file.'}\n`);
}
await writeFile(join(out, 'THIRD-PARTY-LICENSES.txt'), `${texts.join(`\n${'-'.repeat(100)}\n\n`)}`);
