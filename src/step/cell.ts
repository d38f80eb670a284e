import { join } from 'node:path'
import { cortexPaths } from '../layout/paths.js'
import { versionOf } from '../slab/version.js'
import { parseYaml, yamlDocument } from '../slab/yaml-file.js'
import { DEST_VERSION, type StepContext } from './context.js'
import type { Step } from './step.js'

/** Options of the 0.2.x cell base, which the reference mistakes for 0.1.x options. */
export const CELL_BASE_CONFS: ReadonlySet<string> = new Set([
  'auth:passwd',
  'backup:dir',
  'cell:guid',
  'dmon:listen',
  'https:port',
  'nexslog:async',
  'nexslog:en',
])

/** Options of a 0.2.x Cortex and of its cell base, up to 2.8.0. Everything else in cell.yaml was for 0.1.x. */
const VALID_CONFS: ReadonlySet<string> = new Set([
  'axon',
  'cron:enable',
  'layer:lmdb:map_async',
  'layers:lockmemory',
  'layers:logedits',
  'mirror',
  'modules',
  'provenance:en',
  'spawn:poolsize',
  'storm:log',
  'storm:log:level',
  'trigger:enable',
  ...CELL_BASE_CONFS,
])

/** Step `cell`: the Cortex's version, the creators of views, and the YAML files. */
export const cell: Step = { name: 'cell', run: migrateCell }

/** Records the source's version while the destination's hive still has it. */
export function recordSourceVersion({ ops, cell, migrlog, log }: StepContext): void {
  if (!ops.has('dirn')) return
  const version = versionOf(cell.hive.get(['cellinfo', 'cortex:version']))
  if (version === null) {
    log('WARNING', 'Unable to read src cortex version; consider upgrading before proceeding')
  }
  migrlog.put({ migrop: 'chkvalid', logtyp: 'vers', key: 'src:cortex', val: [...(version ?? [-1, -1, -1])] })
}

function migrateCell(context: StepContext): number {
  const { cell, migrlog } = context
  cell.hive.set(['cellinfo', 'cortex:version'], [...DEST_VERSION])
  setViewCreators(context)
  cell.commit()
  moveBootYaml(context)
  const { removed, dedicated } = cleanCellYaml(context)
  migrlog.put({ migrop: 'cell', logtyp: 'conf', key: 'dedicated', val: dedicated })
  const list = removed.map((name) => `'${name}'`).join(', ')
  context.log('INFO', `Completed cell migration, removed deprecated confdefs: [${list}]`)
  return 0
}

/** A 0.1.x view has its owner's name; a 2.x view has its creator's iden, or root's when there is no such user. */
function setViewCreators({ cell: { hive }, log }: StepContext): void {
  const users = hive.children(['auth', 'users'])
  const named = (name: string) => users.find((iden) => hive.get(['auth', 'users', iden]) === name)
  const root = named('root')
  for (const iden of hive.children(['cortex', 'views'])) {
    const view = ['cortex', 'views', iden]
    const owner = hive.remove([...view, 'owner']) ?? null
    if (owner === null && users.includes(hive.getText([...view, 'creator']) ?? '')) continue
    const found = typeof owner === 'string' ? named(owner) : root
    if (found === undefined)
      log('WARNING', `Unable to convert user name ${String(owner)} to iden for view ${iden}, using root`)
    hive.set([...view, 'creator'], found ?? root ?? null)
  }
}

function moveBootYaml({ destDir, files, migrlog, log, now }: StepContext): void {
  const path = cortexPaths(destDir).bootYaml
  const text = files.read(path)
  if (text === null) return
  const conf = parseYaml(text, path)
  if ('auth:admin' in conf) {
    log('WARNING', 'boot.yaml is deprecated; to keep auth move password to auth:passwd in cell.yaml')
    migrlog.put({ migrop: 'cell', logtyp: 'error', key: 'bootyaml_authadmin', val: now() })
  }
  files.move(path, join(cortexPaths(destDir).migration.dir, 'boot.yaml'))
}

function cleanCellYaml({ destDir, files, ops, migrlog }: StepContext): { removed: string[]; dedicated: boolean } {
  const path = cortexPaths(destDir).cellYaml
  const text = files.read(path)
  const conf = text === null ? null : parseYaml(text, path)
  const removed = Object.keys(conf ?? {}).filter((name) => !VALID_CONFS.has(name))
  // Without dirn, an earlier run may already have removed it from the file; then we go by what that run recorded.
  const known = !ops.has('dirn') && migrlog.get('cell', 'conf', 'dedicated') === true
  const dedicated = Boolean(conf?.dedicated) || (known && conf?.dedicated === undefined)
  if (conf !== null) {
    const kept = Object.fromEntries(Object.entries(conf).filter(([name]) => VALID_CONFS.has(name)))
    files.write(path, yamlDocument(kept))
  }
  return { removed, dedicated }
}
