// Splices per second from a 0.1.58 to a 2.0.0 Cortex, with sync_020 and with the reference service in turn, and what the
// destination takes when node edits of the same splices come ready-made: npm run bench:sync [-- SPLICES [ROUNDS]].
// Needs real Synapse, as test/oracle/setup.sh installs it.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PackMap } from '../src/bytes/msgpack.js'
import { DictModel } from '../src/sync/dict-model.js'
import { packNodeEdits, sameBytes, type Translated, Translation } from '../src/sync/layer/translation.js'
import { openCortex } from '../src/sync/remote.js'
import { openProxy, type TeleProxy } from '../src/telepath/client.js'
import { ChangingCortex } from '../test/support/changing-cortex.js'
import { copyCortex, migrate, ORACLE_DIR, python } from '../test/support/cortex.js'
import { type Pair, ServiceProcess, sleep } from '../test/support/sync-pair.js'
import { freePort } from '../test/support/tcp-proxy.js'
import { machineText } from './machine.js'
import { spreadOf, tableText } from './statistics.js'

const POLL_MS = 20
/** Ticks of processor time per second in /proc. */
const TICKS = 100
const MOST_EDITS = 1_000

interface Round {
  readonly ms: number
  readonly serviceCpuMs: number
  readonly destCpuMs: number
}

interface Service {
  readonly url: string
  readonly pid: number
  kill(): Promise<void>
}

const [wanted = 60_000, rounds = 3] = process.argv.slice(2).map(Number)
const dir = mkdtempSync(join(tmpdir(), 'bench-sync-'))
const base = join(dir, 'dest-base')
const offsfile = join(base, 'migration', 'lyroffs.yaml')
console.log(machineText())
const source = await makeSource()
try {
  const tips = await source.splices()
  const starts = new Map(
    [...readFileSync(offsfile, 'utf8').matchAll(/^(\w{32}):[\s\S]*?nextoffs: (\d+)/gm)].map(([, iden, offs]) => [
      iden,
      Number(offs),
    ]),
  )
  const splices = [...starts].reduce((sum, [iden, start]) => sum + tips[iden] - start, 0)
  console.log(`${splices} splices of ${[...starts].filter(([iden, start]) => tips[iden] > start).length} layers`)
  const found = new Map<string, Round[]>([
    ['reference', []],
    ['ours', []],
    ['ready-made edits', []],
  ])
  for (let round = 0; round < rounds; round++) {
    for (const [name, results] of found) {
      const result = await withDest((pair) =>
        name === 'ready-made edits' ? pushReadyMade(pair, starts) : serve(pair, name === 'ours', tips),
      )
      results.push(result)
      console.log(`${name}: ${(result.ms / 1000).toFixed(2)} s, ${Math.round((splices / result.ms) * 1000)} splices/s`)
    }
  }
  console.log(`\n${table(found, splices)}`)
} finally {
  await source.kill()
  rmSync(dir, { recursive: true, force: true })
}

/** A generated Cortex that was migrated to `base` and has grown since. */
async function makeSource(): Promise<ChangingCortex> {
  python('01x', 'gen_cortex.py', join(dir, 'backup'), '--nodes', '200', '--seed', '11')
  migrate('--src', join(dir, 'backup'), '--dest', base)
  const cortex = await new ChangingCortex('01x', copyCortex(join(dir, 'backup'), join(dir, 'source'))).start()
  await cortex.change(1, wanted)
  // The newest splices wait in any case; here they shall be old, as those of a log that grew for hours.
  await sleep(15_000)
  await cortex.change(2, 10)
  return cortex
}

async function withDest(work: (pair: Pair) => Promise<Round>): Promise<Round> {
  const scratch = join(dir, 'round')
  mkdirSync(scratch)
  const dest = await new ChangingCortex('200', copyCortex(base, join(scratch, 'dest'))).start()
  try {
    return await work({ dir: scratch, source, dest, offsfile })
  } finally {
    await dest.kill()
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** From the start command until the destination's offsets are those of the source. */
async function serve(pair: Pair, isOurs: boolean, tips: Record<string, number>): Promise<Round> {
  const service = isOurs ? await startOurs(pair) : await startReference(pair)
  const proxy = await connect(service.url)
  try {
    return await timed(pair, service.pid, async () => {
      await proxy.call('startSyncFromFile')
      while (!(await isThere(proxy, tips))) await sleep(POLL_MS)
    })
  } finally {
    await proxy.close()
    await service.kill()
  }
}

/** The reference keeps the last group of each layer for itself, and counts it as done. */
async function isThere(proxy: TeleProxy, tips: Record<string, number>): Promise<boolean> {
  const status = await proxy.call('status')
  if (!(status instanceof PackMap)) throw new Error('the status is not a map')
  return status.entries.every(
    ([iden, layer]) => Number((layer as PackMap).get('dest:nextoffs')) >= tips[String(iden)] - 1,
  )
}

async function startOurs(pair: Pair): Promise<Service> {
  const service = await ServiceProcess.of(pair)
  await service.start()
  return service
}

async function startReference(pair: Pair): Promise<Service> {
  const at = `127.0.0.1:${await freePort()}/`
  const urls = [
    '--src',
    pair.source.url,
    '--dest',
    pair.dest.url,
    '--offsfile',
    pair.offsfile,
    '--telepath',
    `tcp://${at}`,
  ]
  const more = ['--https', '0', '--auth-passwd', 'secret', '--poll_s', '1', '--err_lim', '-1']
  const args = ['-W', 'ignore', '-m', 'synapse.tools.sync_200', join(pair.dir, 'service'), ...urls, ...more]
  const child = spawn(join(ORACLE_DIR, '200', 'bin', 'python'), args, { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return {
    url: `tcp://root:secret@${at}`,
    pid: child.pid as number,
    kill() {
      child.kill('SIGKILL')
      return ended
    },
  }
}

/** Everything is read and translated before the clock starts; layers are pushed at the same time, as a service does it. */
async function pushReadyMade({ source, dest }: Pair, starts: ReadonlyMap<string, number>): Promise<Round> {
  const [from, to] = await Promise.all([openCortex(source.url), openCortex(dest.url)])
  const model = new DictModel(await to.getModelDict())
  const layers = await Promise.all(
    [...starts].map(async ([iden, start]) => {
      const edits: Translated[] = []
      const translation = new Translation(
        () => model,
        start,
        (translated) => edits.push(translated),
      )
      const layer = await from.openLayer(iden)
      for await (const splice of layer.splices(start, -1)) translation.add(splice, () => true)
      translation.flush()
      return { layer: await to.openLayer(iden), pushes: pushesOf(edits) }
    }),
  )
  const round = await timed({ dest }, process.pid, async () => {
    await Promise.all(
      layers.map(async ({ layer, pushes }) => {
        for (const { edits, meta } of pushes) await layer.storNodeEditsNoLift(edits, meta)
      }),
    )
  })
  await Promise.all([from.close(), to.close(), ...layers.map(({ layer }) => layer.close())])
  return round
}

/** As many consecutive node edits of equal meta as the service puts into one push. */
function pushesOf(items: readonly Translated[]): { edits: Uint8Array; meta: Uint8Array }[] {
  const groups: Translated[][] = []
  for (const item of items) {
    if (item.nodeEdit === null) continue
    const last = groups.at(-1)
    if (last !== undefined && last.length < MOST_EDITS && sameBytes(last[0].meta, item.meta)) last.push(item)
    else groups.push([item])
  }
  return groups.map((group) => ({
    edits: packNodeEdits(group.map(({ nodeEdit }) => nodeEdit as Uint8Array)),
    meta: group[0].meta,
  }))
}

async function timed({ dest }: Pick<Pair, 'dest'>, servicePid: number, work: () => Promise<void>): Promise<Round> {
  const [service, store] = [cpuMs(servicePid), cpuMs(dest.pid)]
  const startedAt = performance.now()
  await work()
  const ms = performance.now() - startedAt
  return { ms, serviceCpuMs: cpuMs(servicePid) - service, destCpuMs: cpuMs(dest.pid) - store }
}

function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS
}

async function connect(url: string): Promise<TeleProxy> {
  for (let tries = 0; ; tries++) {
    try {
      return await openProxy(url)
    } catch (error) {
      if (tries === 300) throw error
      await sleep(200)
    }
  }
}

function table(found: ReadonlyMap<string, readonly Round[]>, splices: number): string {
  const median = (rounds: readonly Round[], of: (round: Round) => number) => spreadOf(rounds.map(of)).median
  const reference = median(found.get('reference') ?? [], ({ ms }) => ms)
  const rows = [...found].map(([name, results]) => {
    const ms = median(results, (round) => round.ms)
    const cpu = (of: (round: Round) => number) => (median(results, of) / 1000).toFixed(1)
    const rate = Math.round((splices / ms) * 1000).toLocaleString('en-US')
    return [
      name,
      (ms / 1000).toFixed(1),
      rate,
      `${(reference / ms).toFixed(2)}x`,
      cpu((r) => r.serviceCpuMs),
      cpu((r) => r.destCpuMs),
    ]
  })
  return tableText(['sync', 'wall, s', 'splices/s', 'ratio', 'service CPU, s', 'destination CPU, s'], rows)
}
