import { hash } from 'node:crypto'
import type { Value } from '../src/bytes/msgpack.js'
import { ModelValues } from './model-values.js'
import type { Kind, SyntheticProp } from './old-index.js'

export interface SyntheticNode {
  readonly form: string
  readonly kind: Kind
  readonly valu: Value
  /** Secondary and universal properties, in no particular order. */
  readonly props: readonly SyntheticProp[]
  /** Tags with all their parents: null is a tag without times. */
  readonly tags: readonly (readonly [string, [number, number] | null])[]
  /** A tag with a tag prop. */
  readonly tagProp: (SyntheticProp & { readonly tag: string }) | null
  readonly created: number
  /** Of a layer above others: its form and what else it has lie below. */
  readonly isPartial: boolean
}

/** The nodes of one layer, each known by a number. */
export interface LayerNodes {
  readonly count: number
  forms(): string[]
  /** Numbers of all nodes, or of those of a form, in order. */
  numbers(): Iterable<number>
  numbersOf(form: string): Iterable<number>
  has(number: number): boolean
  node(number: number): SyntheticNode
  hasData(number: number): boolean
  created(number: number): number
}

/** Forms and how many of 100 nodes have each: what an intelligence shop's Cortex is made of. */
const SHARES: readonly (readonly [string, number])[] = [
  ['edge:refs', 4],
  ['file:bytes', 8],
  ['hash:md5', 3],
  ['hash:sha256', 2],
  ['inet:dns:a', 24],
  ['inet:email', 2],
  ['inet:flow', 5],
  ['inet:fqdn', 20],
  ['inet:ipv4', 15],
  ['inet:url', 12],
  ['inet:whois:rec', 2],
  ['it:exec:proc', 1],
  ['ou:org', 1],
  ['ps:name', 1],
]
/** How the forms of a block are mixed: primes, one of which has no common divisor with the size of the block. */
const STRIDES = [37, 41]
const TAG_FORM = 'syn:tag'
const MAX_TAGS = 220
const FIRST_MS = 1_546_300_800_000
const TLDS = ['com', 'net', 'org', 'info', 'biz', 'io']
const WORDS = [
  'alpha',
  'cloud',
  'delta',
  'edge',
  'files',
  'green',
  'host',
  'mail',
  'north',
  'orbit',
  'portal',
  'update',
]
const LOCS = ['us.ca.los angeles', 'us.va.ashburn', 'de.by', 'nl', 'ru.mow', 'cn.bj', 'br.sp', '??']
const MIMES = ['application/x-dosexec', 'text/html', 'application/pdf', 'image/png', '??']

/** What the template's model has; with more forms come more tag props. */
const RISK = 'risk'
/** Tag props of Cortexes with more than the usual forms: name, type, and how 0.1.x indexes it. */
export const MORE_TAG_PROPS: readonly (readonly [name: string, type: string, kind: Kind])[] = [
  ['note', 'str', 'str'],
  ['when', 'time', 'int'],
  ['host', 'inet:fqdn', 'fqdn'],
  ['who', 'ps:person', 'hex'],
]
/** The forms of which a Cortex has at least some. */
export const LEAST_FORMS = SHARES.length + 1

/** How many nodes of the layer below are one that a fork has changed. */
const NODES_PER_FORKED = 10

/** The nodes of a made-up Cortex: each is a function of the seed and its number alone, so nothing has to be kept. */
export class SyntheticNodes implements LayerNodes {
  readonly tags: readonly string[]
  private readonly parents: ReadonlyMap<string, readonly string[]>
  private readonly formOfSlot: string[] = []
  private readonly rankOfSlot: number[] = []
  private readonly perBlock: ReadonlyMap<string, number>
  private readonly counts = new Map<string, number>()

  /** How many nodes in a row have all the forms in their shares. */
  private readonly block: number
  private readonly values: ModelValues | null
  /** Those of the model, one node in each block. */
  private readonly moreForms: ReadonlySet<string>

  /** @param forms how many forms to use; more than LEAST_FORMS takes others from the model, "all" takes all of them */
  constructor(
    readonly count: number,
    private readonly seed: number,
    forms: number | 'all' = LEAST_FORMS,
  ) {
    this.values = forms === LEAST_FORMS ? null : new ModelValues()
    this.moreForms = new Set(this.values === null ? [] : chosenForms(this.values, forms))
    const shares = [...SHARES, ...[...this.moreForms].map((form) => [form, 1] as const)]
    this.perBlock = new Map(shares)
    this.tags = tagPool(Math.min(MAX_TAGS, Math.floor(count / 20)))
    this.parents = new Map(this.tags.map((tag) => [tag, this.tags.filter((other) => tag.startsWith(`${other}.`))]))
    const slots = shares.flatMap(([form, share]) => Array<string>(share).fill(form))
    const { length } = slots
    this.block = length
    const stride = STRIDES.find((prime) => length % prime !== 0) ?? 1
    const seen = new Map<string, number>()
    for (let i = 0; i < length; i++) {
      // Forms alternate as in a Cortex that many feeds fill at once.
      const form = slots[(i * stride) % length]
      this.formOfSlot.push(form)
      this.rankOfSlot.push(seen.get(form) ?? 0)
      seen.set(form, (seen.get(form) ?? 0) + 1)
    }
    const others = count - this.tags.length
    for (const [form, share] of shares) {
      const rest = this.formOfSlot.slice(0, others % length).filter((name) => name === form).length
      this.counts.set(form, Math.floor(others / length) * share + rest)
    }
    this.counts.set(TAG_FORM, this.tags.length)
  }

  /** Forms that have nodes, in key order. */
  forms(): string[] {
    return [...this.counts.keys()].filter((form) => this.countOf(form) > 0).sort()
  }

  countOf(form: string): number {
    return this.counts.get(form) ?? 0
  }

  *numbers(): Generator<number> {
    for (let number = 0; number < this.count; number++) yield number
  }

  has(): boolean {
    return true
  }

  /** Numbers of the nodes of a form. */
  *numbersOf(form: string): Generator<number> {
    if (form === TAG_FORM) {
      for (let i = 0; i < this.tags.length; i++) yield i
      return
    }
    const slots = this.formOfSlot.flatMap((name, slot) => (name === form ? [slot] : []))
    for (let block = this.tags.length; block < this.count; block += this.block) {
      for (const slot of slots) if (block + slot < this.count) yield block + slot
    }
  }

  /** Form and value of a node, which is all that its buid needs. */
  ndef(number: number): [string, Value] {
    const [form, rank] = this.place(number)
    return [form, this.primary(form, rank)]
  }

  node(number: number): SyntheticNode {
    const [form, rank] = this.place(number)
    const created = this.created(number)
    const random = (salt: number, limit: number) => scramble(this.seed, number, salt) % limit
    const props: SyntheticProp[] = [
      { name: '.created', kind: 'int', valu: created },
      ...this.propsOf(form, rank, random),
    ]
    if (random(1, 4) === 0) props.push({ name: '.seen', kind: 'ival', valu: [created - random(2, 1e9), created + 1] })
    const tagged = this.tags.length > 0 && form !== TAG_FORM && random(3, 10) < 3
    const tags = tagged ? this.tagsOf(random, created) : []
    const tagProp = tags.length > 0 && random(4, 10) === 0 ? this.tagProp(tags[tags.length - 1][0], random) : null
    const kind = this.more(form)?.kindOf(form) ?? PRIMARY_KINDS[form] ?? 'str'
    return { form, kind, valu: this.primary(form, rank), props, tags, tagProp, created, isPartial: false }
  }

  created(number: number): number {
    return FIRST_MS + number * 7
  }

  /** Whether the node has node data. */
  hasData(number: number): boolean {
    return scramble(this.seed, number, 6) % 50 === 0
  }

  /** What an analyst has added to a tenth of the nodes in a fork: when they were seen, and tags. */
  fork(fork: number): LayerNodes {
    const has = (number: number) => scramble(this.seed, number, 100 + fork) % NODES_PER_FORKED === 0
    const chosen = [...this.numbers()].filter(has)
    return {
      count: chosen.length,
      forms: () => this.forms().filter((form) => [...this.numbersOf(form)].some(has)),
      numbers: () => chosen,
      numbersOf: (form) => [...this.numbersOf(form)].filter(has),
      has,
      node: (number) => this.forked(number, fork),
      hasData: () => false,
      created: (number) => this.created(number),
    }
  }

  private forked(number: number, fork: number): SyntheticNode {
    const node = this.node(number)
    const created = node.created + this.count * 7
    const random = (salt: number, limit: number) => scramble(this.seed, number, 100 * (fork + 2) + salt) % limit
    const seen: SyntheticProp = { name: '.seen', kind: 'ival', valu: [created - random(2, 1e9), created + 1] }
    const tags = this.tags.length > 0 && node.form !== TAG_FORM ? this.tagsOf(random, created) : []
    const tagProp = tags.length > 0 && random(4, 10) === 0 ? this.tagProp(tags[tags.length - 1][0], random) : null
    return { ...node, props: [seen], tags, tagProp, created, isPartial: true }
  }

  private place(number: number): [form: string, rank: number] {
    if (number < this.tags.length) return [TAG_FORM, number]
    const other = number - this.tags.length
    const form = this.formOfSlot[other % this.block]
    return [form, Math.floor(other / this.block) * (this.perBlock.get(form) ?? 0) + this.rankOfSlot[other % this.block]]
  }

  /** Makes the values of a form that comes from the model; null for the usual ones. */
  private more(form: string): ModelValues | null {
    return this.moreForms.has(form) ? this.values : null
  }

  private tagProp(tag: string, random: Random): SyntheticNode['tagProp'] {
    const others = this.values === null ? 0 : random(14, MORE_TAG_PROPS.length + 1)
    if (this.values === null || others === 0) return { tag, ...prop(RISK, 'int', random(5, 100)) }
    const [name, type, kind] = MORE_TAG_PROPS[others - 1]
    return { tag, ...prop(name, kind, this.values.named(type, random(15, 1000))) }
  }

  private tagsOf(random: Random, created: number): [string, [number, number] | null][] {
    const tags = new Map<string, [number, number] | null>()
    for (let i = 0; i <= random(7, 2); i++) {
      const tag = this.tags[random(8 + i, this.tags.length)]
      for (const parent of this.parents.get(tag) ?? []) tags.set(parent, null)
      tags.set(tag, random(10 + i, 3) === 0 ? [created - random(12, 1e9), created] : null)
    }
    return [...tags].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  private primary(form: string, rank: number): Value {
    const values = this.more(form)
    if (values !== null) return values.primary(form, rank)
    switch (form) {
      case 'edge:refs':
        return [this.fileRef(rank), ['inet:fqdn', this.fqdn(rank * 17 + Math.floor(rank / this.fileCount))]]
      case 'file:bytes':
        return fileName(rank)
      case 'hash:md5':
        return hexOf('md5', `md5 ${rank}`)
      case 'hash:sha256':
        return hexOf('sha256', `sha256 ${rank}`)
      case 'inet:dns:a': {
        const [fqdns, ipv4s] = [this.countOf('inet:fqdn'), this.countOf('inet:ipv4')]
        return [this.fqdn(rank % fqdns), ipv4((rank * 31 + Math.floor(rank / fqdns)) % ipv4s)]
      }
      case 'inet:email':
        return `${WORDS[rank % WORDS.length]}${rank}@${this.fqdn(rank * 3)}`
      case 'inet:fqdn':
        return this.fqdn(rank)
      case 'inet:ipv4':
        return ipv4(rank)
      case 'inet:url':
        return `${this.urlBase(rank)}${urlParams(rank)}`
      case 'inet:whois:rec':
        return [this.fqdn(rank * 4 + TLDS.length), FIRST_MS + rank * 1000]
      case 'ps:name':
        return `${WORDS[rank % WORDS.length]} ${WORDS[(rank >> 3) % WORDS.length]} ${rank}`
      case TAG_FORM:
        return this.tags[rank]
      default:
        return hexOf('md5', `${form} ${rank}`)
    }
  }

  private propsOf(form: string, rank: number, random: Random): SyntheticProp[] {
    const valu = this.primary(form, rank)
    const values = this.more(form)
    if (values !== null) return values.props(form, valu, random)
    switch (form) {
      case 'edge:refs': {
        const [n1, n2] = valu as [Value, Value][]
        return [
          prop('n1', 'hashed', n1),
          prop('n1:form', 'str', n1[0]),
          prop('n2', 'hashed', n2),
          prop('n2:form', 'str', n2[0]),
        ]
      }
      case 'file:bytes': {
        const sha = (valu as string).slice('sha256:'.length)
        const props = [
          prop('mime', 'str', MIMES[random(20, MIMES.length)]),
          prop('sha256', 'hex', sha),
          prop('size', 'int', random(21, 1e8)),
        ]
        if (random(22, 2) === 0)
          props.push(prop('md5', 'hex', hexOf('md5', sha)), prop('sha1', 'hex', hexOf('sha1', sha)))
        if (random(23, 2) === 0)
          props.push(prop('name', 'str', `${WORDS[random(24, WORDS.length)]}-${random(25, 1e4)}.exe`))
        if (random(26, 5) === 0) props.push(prop('mime:pe:compiled', 'int', FIRST_MS - random(27, 1e9)))
        return props
      }
      case 'inet:dns:a': {
        const [fqdn, address] = valu as Value[]
        return [prop('fqdn', 'fqdn', fqdn), prop('ipv4', 'ipv4', address)]
      }
      case 'inet:email': {
        const [user, fqdn] = (valu as string).split('@')
        return [prop('fqdn', 'fqdn', fqdn), prop('user', 'str', user)]
      }
      case 'inet:flow':
        return this.flowProps(random)
      case 'inet:fqdn':
        return fqdnProps(valu as string)
      case 'inet:ipv4': {
        const props = [
          prop('asn', 'int', 1000 + random(20, 60_000)),
          prop('loc', 'loc', LOCS[random(21, LOCS.length)]),
          prop('type', 'str', 'unicast'),
        ]
        if (random(22, 10) === 0) props.push(prop('dns:rev', 'fqdn', this.fqdn(random(23, 1e6))))
        return props
      }
      case 'inet:url':
        return [
          prop('base', 'str', this.urlBase(rank)),
          prop('fqdn', 'fqdn', this.fqdn(rank * 7)),
          prop('params', 'str', urlParams(rank)),
          prop('path', 'str', urlPath(rank)),
          prop('port', 'int', 443),
          prop('proto', 'str', 'https'),
        ]
      case 'inet:whois:rec': {
        const [fqdn, asof] = valu as [string, number]
        return [
          prop('asof', 'int', asof),
          prop('created', 'int', asof - random(20, 1e9)),
          prop('expires', 'int', asof + random(21, 1e9)),
          prop('fqdn', 'fqdn', fqdn),
          prop('registrant', 'str', `${WORDS[random(22, WORDS.length)]} ${random(23, 5000)} ltd`),
          prop('registrar', 'str', `registrar ${random(24, 50)}`),
          prop(
            'text',
            'str',
            `domain name: ${fqdn} ${'registry data and terms of use. '.repeat(1 + random(25, 120))}`.trim(),
          ),
        ]
      }
      case 'it:exec:proc':
        return [
          prop('cmd', 'str', `c:\\Windows\\System32\\${WORDS[random(20, WORDS.length)]}.exe /Q ${random(21, 1e6)}`),
          prop('exe', 'str', fileName(random(22, this.fileCount))),
          prop('host', 'hex', hexOf('md5', `host ${random(23, 500)}`)),
          prop('pid', 'int', random(24, 65_536)),
          prop('time', 'int', FIRST_MS + random(25, 1e9)),
          prop('user', 'str', `user${random(26, 900)}`),
        ]
      case 'ou:org': {
        const name = `${WORDS[rank % WORDS.length]} industries ${rank}`
        return [
          prop('founded', 'int', FIRST_MS - random(20, 1e9) * 100),
          prop('loc', 'loc', LOCS[random(21, LOCS.length)]),
          prop('name', 'str', name),
          prop('names', 'strs', [name, `${name} inc`]),
          prop('url', 'str', `https://${this.fqdn(rank * 11)}/`),
        ]
      }
      case TAG_FORM:
        return tagProps(valu as string)
      default:
        return []
    }
  }

  private flowProps(random: Random): SyntheticProp[] {
    const sides = ['src', 'dst'].flatMap((side, i) => {
      const address = ipv4(random(20 + i, this.countOf('inet:ipv4')))
      const port = i === 0 ? 49_152 + random(22, 16_000) : [53, 80, 443, 8080][random(23, 4)]
      return [
        prop(side, 'str', `tcp://${dotted(address)}:${port}`),
        prop(`${side}:ipv4`, 'ipv4', address),
        prop(`${side}:port`, 'int', port),
        prop(`${side}:proto`, 'str', 'tcp'),
      ]
    })
    return [...sides, prop('time', 'int', FIRST_MS + random(24, 1e9)), prop('src:txbytes', 'int', random(25, 1e6))]
  }

  private get fileCount(): number {
    return Math.max(1, this.countOf('file:bytes'))
  }

  private fileRef(rank: number): Value {
    return ['file:bytes', fileName(rank % this.fileCount)]
  }

  /** Top level domains, then zones, each with three hosts. */
  private fqdn(rank: number): string {
    const index = rank % Math.max(1, this.countOf('inet:fqdn'))
    if (index < TLDS.length) return TLDS[index]
    const host = (index - TLDS.length) % 4
    const zone = index - host
    const name = `${WORDS[zone % WORDS.length]}-${zone.toString(36)}.${TLDS[zone % TLDS.length]}`
    return host === 0 ? name : `${['www', 'mx', 'ns'][host - 1]}.${name}`
  }

  private urlBase(rank: number): string {
    return `https://${this.fqdn(rank * 7)}${urlPath(rank)}`
  }
}

type Random = (salt: number, limit: number) => number

const PRIMARY_KINDS: Readonly<Record<string, Kind>> = {
  'edge:refs': 'hashed',
  'hash:md5': 'hex',
  'hash:sha256': 'hex',
  'inet:dns:a': 'hashed',
  'inet:flow': 'hex',
  'inet:fqdn': 'fqdn',
  'inet:ipv4': 'ipv4',
  'inet:whois:rec': 'hashed',
  'it:exec:proc': 'hex',
  'ou:org': 'hex',
}

function chosenForms(values: ModelValues, forms: number | 'all'): string[] {
  const others = values.otherForms(new Set([...SHARES.map(([form]) => form), TAG_FORM]))
  const most = LEAST_FORMS + others.length
  if (forms === 'all') return others
  if (forms >= LEAST_FORMS && forms <= most) return others.slice(0, forms - LEAST_FORMS)
  throw new Error(`Cannot make ${forms} forms: from ${LEAST_FORMS} to ${most} are possible`)
}

function prop(name: string, kind: Kind, valu: Value): SyntheticProp {
  return { name, kind, valu }
}

function tagPool(count: number): string[] {
  const tags: string[] = []
  for (let i = 0; tags.length < count; i++) {
    const group = `${['cno', 'rep', 'int'][i % 3]}.${WORDS[i % WORDS.length]}`
    for (const tag of [group.split('.')[0], group, `${group}.t${i}`, `${group}.t${i}.x`]) {
      if (!tags.includes(tag) && tags.length < count) tags.push(tag)
    }
  }
  return tags
}

function tagProps(tag: string): SyntheticProp[] {
  const parts = tag.split('.')
  const props = [
    prop('base', 'str', parts[parts.length - 1]),
    prop('depth', 'int', parts.length - 1),
    prop('doc', 'str', ''),
    prop('title', 'str', ''),
  ]
  if (parts.length > 1) props.push(prop('up', 'str', parts.slice(0, -1).join('.')))
  return props
}

function fqdnProps(fqdn: string): SyntheticProp[] {
  const parts = fqdn.split('.')
  const props = [
    prop('host', 'str', parts[0]),
    prop('issuffix', 'bool', parts.length === 1 ? 1 : 0),
    prop('iszone', 'bool', parts.length === 2 ? 1 : 0),
  ]
  if (parts.length > 1) {
    props.push(prop('domain', 'fqdn', parts.slice(1).join('.')), prop('zone', 'fqdn', parts.slice(-2).join('.')))
  }
  return props
}

function fileName(rank: number): string {
  return `sha256:${hexOf('sha256', `file ${rank}`)}`
}

function urlPath(rank: number): string {
  return `/${WORDS[rank % WORDS.length]}/${rank.toString(36)}/index.html`
}

function urlParams(rank: number): string {
  return rank % 3 === 0 ? `?id=${rank}&ref=${(rank * 7919) % 1000}` : ''
}

function hexOf(algorithm: string, text: string): string {
  return hash(algorithm, text, 'hex')
}

/** Addresses that differ for all ranks below 2^32: the factor is odd. */
function ipv4(rank: number): number {
  return Math.imul(rank, 0x9e3779b1) >>> 0
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.')
}

function scramble(seed: number, number: number, salt: number): number {
  let mixed = Math.imul(seed ^ number, 0x85ebca6b) ^ Math.imul(salt + 1, 0xc2b2ae35)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
