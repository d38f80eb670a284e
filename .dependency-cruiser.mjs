// Imports point down: each folder of src may use those behind it in this list, and nothing before it.
const layers = [
  ['api', 'verify migrate upgrade preflight inspect step dest source translate page model layout bytes'],
  [
    'cli',
    'api report status verify replay migrate forecast preflight inspect model-tools sync lock step stream dest thread telepath upgrade source translate run slab page model stortype python layout file text bytes',
  ],
  ['status', 'report lock layout file text bytes'],
  ['report', 'migrate step dest slab page layout file text bytes'],
  [
    'verify',
    'migrate preflight inspect writer step stream dest thread upgrade source translate run slab page model stortype python layout file text bytes',
  ],
  [
    'replay',
    'migrate inspect lock stream dest thread upgrade source translate run slab page model stortype layout file text bytes',
  ],
  [
    'migrate',
    'preflight inspect writer lock step stream dest thread upgrade source translate run kernel slab page model stortype python layout file text bytes',
  ],
  ['forecast', 'migrate inspect stream dest thread upgrade source run slab page model layout file text bytes'],
  ['preflight', 'inspect model-tools upgrade source translate slab page model layout file text bytes'],
  ['inspect', 'step dest upgrade source translate slab page model layout file text bytes'],
  ['model-tools', 'telepath upgrade source translate slab page model stortype layout bytes'],
  ['sync', 'lock telepath stream dest source translate slab model stortype python layout file text bytes'],
  ['writer', 'step stream dest thread upgrade source translate run slab page model stortype python layout file bytes'],
  ['step', 'dest source translate slab page model stortype python layout file bytes'],
  ['stream', 'upgrade source translate run kernel slab page model stortype layout file bytes'],
  ['dest', 'thread translate run slab page model stortype python layout file bytes'],
  ['thread', 'kernel slab page bytes'],
  ['lock', ''],
  ['telepath', 'python bytes'],
  ['upgrade', 'source translate slab page model layout file bytes'],
  ['source', 'slab page model layout file text bytes'],
  ['translate', 'kernel model stortype python layout bytes'],
  ['run', 'kernel layout file bytes'],
  ['slab', 'page layout file bytes'],
  ['page', 'kernel layout file bytes'],
  ['model', 'stortype python bytes'],
  ['stortype', 'python bytes'],
  ['python', 'bytes'],
  ['file', 'layout'],
  ['layout', 'bytes'],
  ['text', 'bytes'],
  ['kernel', 'bytes'],
  ['bytes', ''],
]

export default {
  forbidden: [
    ...layers.map(([name, below]) => ({
      name: `${name}-imports-down`,
      comment:
        'ARCHITECTURE.md: imports point down, so that each layer can be read, tested and replaced without those above',
      severity: 'error',
      from: { path: `^src/${name}/` },
      to: {
        path: '^src/[^/]+/',
        pathNot: `^src/(${[name, ...below.split(' ')].filter(Boolean).join('|')})/`,
        dependencyTypesNot: ['type-only'],
      },
    })),
    {
      name: 'pure',
      comment: 'values, translations and byte layouts know no files, no clock and no threads: tests need none of them',
      severity: 'error',
      from: { path: '^src/(bytes|python|model|stortype|translate)/' },
      to: { path: '^(node:)?(fs|worker_threads|child_process|net|tls|piscina|lmdb)' },
    },
    {
      name: 'entries-are-edges',
      comment:
        'workers/ and bin/ are entry points: only src/thread/entries.ts knows where they are, nobody imports them',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(workers|bin|test|bench)/' },
    },
    {
      name: 'cli-is-the-top',
      comment: 'commands are for bin/ alone (and for tests of them): what others need of one belongs further down',
      severity: 'error',
      from: { path: '^(src|workers|bench)/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'no-cycles',
      comment: 'a cycle has no reading order',
      severity: 'error',
      from: {},
      to: { circular: true, dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    exclude: { path: '^src/kernel/assembly/' },
    doNotFollow: { path: 'node_modules' },
  },
}
