import { PackMap, type Value } from '../../src/bytes/msgpack.js'
import { TelepathError } from '../../src/telepath/errors.js'
import { TelepathServer } from '../../src/telepath/server.js'
import type { Generator, Method } from '../../src/telepath/shared.js'
import { parseUrl } from '../../src/telepath/url.js'
import { LAYER } from './fake-sync.js'

/** What a Cortex that only looks like one was asked. */
export interface ServedCortex {
  readonly url: string
  readonly pushed: Value[]
  migrationMode: boolean
  close(): Promise<void>
}

const EMPTY_MODEL = new PackMap(['types', 'forms', 'tagprops'].map((part) => [part, new PackMap([])]))

/** A 0.1.58 Cortex with one layer, without a splice or with those given. */
export function serveSource(splices: Value[] = []): Promise<ServedCortex> {
  return serve([0, 1, 58], () => ({
    core: { getModelDict: { run: () => EMPTY_MODEL } },
    layer: { splices: { params: ['offs', 'size'], yields: (_, offs) => splices.slice(Number(offs)) } },
  }))
}

/** A 2.0.0 Cortex with the same layer. */
export function serveDest(model: PackMap = EMPTY_MODEL): Promise<ServedCortex> {
  return serve([2, 0, 0], (cortex) => ({
    core: {
      getModelDict: { run: () => model },
      enableMigrationMode: { run: () => switched(cortex, true) },
      disableMigrationMode: { run: () => switched(cortex, false) },
    },
    layer: {
      storNodeEditsNoLift: {
        params: ['nodeedits', 'meta'],
        run: (_, nodeedits) => {
          cortex.pushed.push(...(nodeedits as Value[]))
          return null
        },
      },
    },
  }))
}

type Methods = Record<string, Method<string> | Generator<string>>

async function serve(
  version: [number, number, number],
  methods: (cortex: ServedCortex) => { core: Methods; layer: Methods },
): Promise<ServedCortex> {
  const server = new TelepathServer<string>({
    hasShare: (name) => name === '*' || name === 'cortex',
    authenticate: async (auth) => {
      if (auth?.name !== 'root') throw TelepathError.of('NoSuchUser', { name: auth?.name ?? null })
      if (auth.passwd !== 'hunter2') throw TelepathError.of('AuthDeny', { mesg: 'Invalid password', user: 'root' })
      return 'root'
    },
    open: (_, path) => {
      if (path.length > 0 && path[1] !== LAYER) throw TelepathError.of('NoSuchLayer', { iden: path[1] ?? null })
      const { core, layer } = methods(cortex)
      const classes = path.length > 0 ? ['synapse.lib.layer.LayerApi'] : ['synapse.cortex.CoreApi']
      return { classes, version, methods: new Map(Object.entries(path.length > 0 ? layer : core)) }
    },
    log: () => {},
  })
  const port = await server.listen(parseUrl('tcp://127.0.0.1:0/'))
  const cortex: ServedCortex = {
    url: `tcp://root:hunter2@127.0.0.1:${port}/`,
    pushed: [],
    migrationMode: false,
    close: () => server.close(),
  }
  return cortex
}

function switched(cortex: ServedCortex, mode: boolean): null {
  cortex.migrationMode = mode
  return null
}
