import type { Value } from '../bytes/msgpack.js'
import { resolveUrl } from '../telepath/aliases.js'
import { openProxy, type ProxyOptions, type TeleProxy } from '../telepath/client.js'
import { TelepathError } from '../telepath/errors.js'
import { Packed } from '../telepath/message.js'
import { layerUrl, type TelepathUrl } from '../telepath/url.js'
import type { RawSplice, RemoteCortex, RemoteLayer } from './api.js'
import { digestOf } from './layer/splice-facts.js'
import { OddAnswer } from './remote-failure.js'

/** Opens a Cortex over telepath. The sync reaches Cortexes only this way. */
export async function openCortex(url: string, options: ProxyOptions = {}): Promise<RemoteCortex> {
  const parsed = resolveUrl(url)
  return new TelepathCortex(parsed, options, await openProxy(parsed, options))
}

class TelepathCortex implements RemoteCortex {
  readonly version: readonly [number, number, number]
  readonly shownUrl: string
  readonly closed: Promise<Error | undefined>

  constructor(
    private readonly url: TelepathUrl,
    private readonly options: ProxyOptions,
    private readonly proxy: TeleProxy,
  ) {
    this.version = proxy.version
    this.shownUrl = proxy.shownUrl
    this.closed = proxy.closed
  }

  getModelDict(): Promise<Value> {
    return this.proxy.call('getModelDict')
  }

  async enableMigrationMode(): Promise<void> {
    await this.proxy.call('enableMigrationMode')
  }

  async disableMigrationMode(): Promise<void> {
    await this.proxy.call('disableMigrationMode')
  }

  async openLayer(iden: string): Promise<RemoteLayer> {
    return new TelepathLayer(iden, await openProxy(layerUrl(this.url, iden), this.options))
  }

  call(method: string, ...args: Value[]): Promise<Value> {
    return this.proxy.call(method, args)
  }

  generate(method: string, ...args: Value[]): AsyncIterable<Value> {
    return this.proxy.values(method, args)
  }

  close(): Promise<void> {
    return this.proxy.close()
  }
}

class TelepathLayer implements RemoteLayer {
  readonly closed: Promise<Error | undefined>

  constructor(
    readonly iden: string,
    private readonly proxy: TeleProxy,
  ) {
    this.closed = proxy.closed
  }

  splices(offs: number | bigint, size: number): AsyncIterable<RawSplice> {
    return this.proxy.generate('splices', [offs, size])
  }

  async *createdSince(after: number, upTo?: number): AsyncIterable<string> {
    const last = upTo === undefined ? Buffer.alloc(8, 0xff) : timeKey(upTo)
    const range = ['range', [timeKey(after + 1), last]]
    for await (const row of this.proxy.generate('getLiftRows', [[['indx', ['byuniv', CREATED, [range]]]]])) {
      // [buid, props], or [buid] from the first releases.
      if ((row[0] !== 0x92 && row[0] !== 0x91) || row[1] !== 0xc4 || row[2] !== 32)
        throw new OddAnswer('getLiftRows', 'rows of nodes')
      yield Buffer.from(row.subarray(3, 35)).toString('hex')
    }
  }

  async storNodeEditsNoLift(nodeedits: Uint8Array, meta: Uint8Array): Promise<void> {
    await this.proxy.call('storNodeEditsNoLift', [new Packed(nodeedits), new Packed(meta)])
  }

  async editIndex(): Promise<number | null> {
    for (const method of INDEX_METHODS) {
      try {
        const index = await this.proxy.call(method)
        return typeof index === 'number' ? index : null
      } catch (error) {
        if (!(error instanceof TelepathError) || error.name !== 'NoSuchMeth') throw error
      }
    }
    return null
  }

  async editDigest(index: number): Promise<string | null> {
    const [major, minor] = this.proxy.version
    // Later releases show rows differently (seen with 2.256.0).
    if (index === 0 || (major === 2 && minor > 8)) return null
    // Most releases never end this stream, because they continue with new rows. We need only the first row.
    for await (const row of this.proxy.generate('syncNodeEdits', [index - 1])) return digestOf(row)
    return null
  }

  close(): Promise<void> {
    return this.proxy.close()
  }
}

/** The time as 0.1.x's index of universal props has it, after the name and a NUL: with the sign bit flipped. */
function timeKey(time: number): Buffer {
  const key = Buffer.alloc(8)
  key.writeBigUInt64BE(BigInt(Math.floor(time)) + (1n << 63n))
  return key
}

const CREATED = Buffer.from('.created\0')
/** Releases up to 2.8 have the first, later ones the second. */
const INDEX_METHODS = ['getNodeEditOffset', 'getEditIndx'] as const
