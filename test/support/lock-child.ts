/** A process that takes a lock: `lock-child.js JSON`, see LockChild. Says `held`, `refused: …` and what it is told, a line each. */
import { closeSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { DirLock, type LockTimes } from '../../src/lock/dir-lock.js'
import { type Identity, ownIdentity } from '../../src/lock/identity.js'
import { randomOf } from './random.js'

export interface LockChild {
  readonly path: string
  /** What differs from who it is. */
  readonly identity?: Partial<Identity>
  readonly times?: LockTimes
  /** Takes the lock so often, each time held for a while by chance. */
  readonly rounds?: number
  readonly seed?: number
  /** Its main thread does nothing but count while it has the lock. */
  readonly isBusy?: boolean
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(JSON.parse(process.argv[2]))

async function main({ path, identity, times, rounds = 1, seed = 0, isBusy = false }: LockChild): Promise<void> {
  const random = randomOf(seed)
  const use = { refusal: 'Cannot use it', doing: 'uses it', tell: say }
  for (let round = 0; round < rounds; round++) {
    let lock: DirLock
    try {
      lock = await DirLock.take(path, use, {
        identity: { ...ownIdentity(), ...identity },
        ...(times !== undefined && { times }),
      })
    } catch (error) {
      say(`refused: ${(error as Error).message}`)
      await wait(random(4))
      continue
    }
    lock.lost.catch((error) => {
      say(`lost: ${error.message}`)
      process.exit(10)
    })
    say('held')
    if (rounds === 1) {
      for (const until = performance.now() + 60_000; isBusy && performance.now() < until; );
      await wait(60_000)
    }
    const mark = join(path, '..', 'in')
    closeSync(openSync(mark, 'wx'))
    await wait(random(3))
    rmSync(mark)
    lock.release()
    await wait(random(4))
  }
  say('done')
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
