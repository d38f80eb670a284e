import { PackMap, type Value } from '../../src/bytes/msgpack.js'
import { TelepathError } from '../../src/telepath/errors.js'
import { TelepathServer } from '../../src/telepath/server.js'
import type { Generator, Method } from '../../src/telepath/shared.js'
import { parseUrl } from '../../src/telepath/url.js'
import { LAYER } from './fake-sync.js'

/** A Cortex that only looks like one, and what it was asked; its users are `root` and `analyst`, who is no administrator. */
export interface ServedCortex {
  readonly url: string
  readonly pushed: Value[]
  migrationMode: boolean
  /** How often it was switched on. */
  modeSwitches: number
  /** Whether it refuses to switch it off. */
  keepsMode: boolean
  /** Listens at another address besides. */
  listen(url: string): Promise<unknown>
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
      enableMigrationMode: { run: ({ user }) => switched(cortex, user, true) },
      disableMigrationMode: { run: ({ user }) => switched(cortex, user, false) },
    },
    layer: {
      storNodeEditsNoLift: {
        params: ['nodeedits', 'meta'],
        run: ({ user }, nodeedits) => {
          if (user !== 'root') throw denied(`User must have permission layer.write.${LAYER}`, user)
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
      const { name, passwd } = auth ?? { name: null, passwd: null }
      if (name !== 'root' && name !== 'analyst') throw TelepathError.of('NoSuchUser', { name })
      if (passwd !== 'hunter2') throw denied('Invalid password', name)
      return name
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
    modeSwitches: 0,
    keepsMode: false,
    listen: (url) => server.listen(parseUrl(url)),
    close: () => server.close(),
  }
  return cortex
}

function denied(mesg: string, user: string): TelepathError {
  return TelepathError.of('AuthDeny', { mesg, user })
}

function switched(cortex: ServedCortex, user: string, mode: boolean): null {
  if (user !== 'root') throw denied('User is not an admin.', user)
  if (!mode && cortex.keepsMode) throw denied('No.', user)
  cortex.migrationMode = mode
  if (mode) cortex.modeSwitches++
  return null
}
