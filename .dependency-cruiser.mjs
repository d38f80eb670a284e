// Imports point down: each folder of src may use those behind it in this list, and nothing before it.
const layers = [
  [
    'cli',
    [
      'verify',
      'migrate',
      'sync',
      'bench',
      'pool',
      'plan',
      'telepath',
      'target',
      'source',
      'translate',
      'run',
      'page',
      'slab',
      'model',
      'stortype',
      'bytes',
    ],
  ],
  ['verify', ['migrate', 'pool', 'plan', 'task', 'target', 'source', 'page', 'slab', 'model', 'bytes']],
  [
    'migrate',
    ['pool', 'plan', 'task', 'target', 'source', 'translate', 'run', 'page', 'slab', 'model', 'stortype', 'bytes'],
  ],
  ['bench', ['task', 'plan', 'target', 'source', 'run', 'page', 'slab', 'model', 'bytes']],
  ['sync', ['telepath', 'target', 'source', 'translate', 'slab', 'model', 'stortype', 'bytes']],
  ['pool', ['bytes']],
  ['task', ['target', 'source', 'translate', 'run', 'page', 'slab', 'model', 'stortype', 'bytes']],
  ['plan', ['source', 'page', 'slab', 'model', 'bytes']],
  ['telepath', ['bytes']],
  ['target', ['translate', 'run', 'page', 'slab', 'model', 'stortype', 'bytes']],
  ['source', ['page', 'slab', 'model', 'bytes']],
  ['translate', ['model', 'stortype', 'bytes']],
  ['run', ['bytes']],
  ['page', ['bytes']],
  ['slab', ['page', 'bytes']],
  ['model', ['stortype', 'bytes']],
  ['stortype', ['bytes']],
  ['bytes', []],
]

export default {
  forbidden: [
    ...layers.map(([name, below]) => ({
      name: `${name}-imports-down`,
      comment:
        'ARCHITECTURE.md: imports point down, so that each layer can be read, tested and replaced without those above',
      severity: 'error',
      from: { path: `^src/${name}/` },
      to: { path: '^src/[^/]+/', pathNot: `^src/(${[name, ...below].join('|')})/`, dependencyTypesNot: ['type-only'] },
    })),
    {
      name: 'pure',
      comment: 'values, translations and byte layouts know no files, no clock and no threads: tests need none of them',
      severity: 'error',
      from: { path: '^src/(bytes|model|stortype|translate)/' },
      to: { path: '^(node:)?(fs|worker_threads|child_process|net|tls|piscina|lmdb)' },
    },
    {
      name: 'entries-are-edges',
      comment: 'workers/ and bin/ are entry points: only src/pool/entries.ts knows where they are, nobody imports them',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(workers|bin|test|bench)/' },
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
    doNotFollow: { path: 'node_modules' },
  },
}
