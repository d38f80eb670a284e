import { createHash } from 'node:crypto'
import { Float, type Value } from '../src/bytes/msgpack.js'
import { ctors } from '../src/model/ctors.js'
import { Model } from '../src/model/model.js'
import type { Opts, Type } from '../src/model/type.js'
import type { Kind, SyntheticProp } from './old-index.js'

/** Nodes of the Cortex's own model, and a form that has room for only 1,000 nodes. */
const LEFT_OUT = new Set(['syn:cmd', 'syn:form', 'syn:prop', 'syn:tagprop', 'syn:type', 'tel:mob:mcc'])
const FIRST_MS = 1_546_300_800_000
/** So many values of a secondary property come up again and again. */
const POOL = 1024
/** A field of a compound value has a new value for so many of the field after it. */
const PER_FIELD = 1000

/** Makes a value from a number: other numbers make others, as far as the type has them. */
type Make = (n: number, values: ModelValues, opts: Opts, name: string) => Value

/** Made-up values of all forms and props of the core model, normed by the model's own types. */
export class ModelValues {
  private readonly model = Model.core()
  private readonly pools = new Map<Type, Value[]>()

  /** Forms besides these, in the order of the model. */
  otherForms(taken: ReadonlySet<string>): string[] {
    return [...this.model.forms.keys()].filter((form) => !taken.has(form) && !LEFT_OUT.has(form))
  }

  kindOf(form: string): Kind {
    return kindOf(this.formOf(form).type)
  }

  /** The value of the form's node with this rank. */
  primary(form: string, rank: number): Value {
    return this.valueOf(this.formOf(form).type, rank)
  }

  /** Some of the form's props; those that repeat a part of a compound value have that part. */
  props(form: string, valu: Value, random: (salt: number, limit: number) => number): SyntheticProp[] {
    const { props, type } = this.formOf(form)
    const fields = (type.opts.fields ?? []) as readonly (readonly [string, unknown])[]
    const out: SyntheticProp[] = []
    let salt = 20
    for (const [name, prop] of props) {
      if (name.startsWith('.')) continue
      salt += 2
      const field = Array.isArray(valu) ? fields.findIndex(([own]) => own === name) : -1
      if (field < 0 && random(salt, 3) > 0) continue
      const own = field < 0 ? this.pooled(prop.type, random(salt + 1, POOL)) : (valu as Value[])[field]
      out.push({ name, kind: kindOf(prop.type), valu: own })
    }
    return out
  }

  /** A value of a type of the model, by name. */
  named(name: string, n: number): Value {
    return this.valueOf(this.model.typeOf([name, {}]), n)
  }

  private pooled(type: Type, n: number): Value {
    let pool = this.pools.get(type)
    if (pool === undefined) {
      pool = []
      this.pools.set(type, pool)
    }
    pool[n] ??= this.valueOf(type, n)
    return pool[n]
  }

  private valueOf(type: Type, n: number): Value {
    const make = makers.get(type.constructor)
    if (make === undefined) throw new Error(`There are no made-up values for type "${type.name}"`)
    return type.normValue(make(n, this, type.opts, type.name))
  }

  private formOf(name: string) {
    const form = this.model.forms.get(name)
    if (form === undefined) throw new Error(`The core model has no form "${name}"`)
    return form
  }
}

/** What the regular expressions of the model let through. */
const TEXTS: Readonly<Record<string, (n: number) => string>> = {
  '^[0-9]{4}$': (n) => padded(n, 4),
  '^[1-9][0-9]{4}[0-9]?$': (n) => String(10_000 + (n % 90_000)),
  '^[0-9a-z_]+$': (n) => `a_${n}`,
  '(?i)^CVE-[0-9]{4}-[0-9]{4,}$': (n) => `cve-${2000 + (n % 20)}-${String(n).padStart(4, '0')}`,
  '^[a-z0-9]{2}$': (n) => letters(n, 2),
  '^[a-z]{2}$': (n) => letters(n, 2),
  '^[a-z0-9]{3}$': (n) => letters(n, 3),
  '^[0-9]{3}$': (n) => padded(n, 3),
  '^[0-9]{2,3}$': (n) => padded(n, 3),
  '^([0-9a-f]{2}[:]){5}([0-9a-f]{2})$': (n) =>
    (n + 2 ** 41)
      .toString(16)
      .padStart(12, '0')
      .replace(/..(?!$)/g, '$&:'),
  '^([0-2])((\\.0)|(\\.[1-9][0-9]*))*$': (n) => `1.${n + 1}`,
  '^[0-9]{1,6}$': (n) => padded(n, 3),
  '^[0-9]{3,6}$': (n) => padded(n, 4),
  '^(?<iin>(?<mii>[0-9]{1})[0-9]{5})[0-9]{1,13}$': (n) => `411111${String(n).padStart(10, '0')}`,
}

const intOf: Make = (n, _, { enums, min, max }) => {
  if (Array.isArray(enums)) return (enums[n % enums.length] as [number, string])[0]
  if (typeof min === 'number' && typeof max === 'number') return min + (n % (max - min + 1))
  return n
}

const strOf: Make = (n, _, { regex, enums }, name) => {
  if (typeof regex === 'string') {
    const text = TEXTS[regex]
    if (text === undefined) throw new Error(`There are no made-up texts for ${regex}`)
    return text(n)
  }
  if (typeof enums === 'string') return enums.split(',')[n % enums.split(',').length]
  return `${name.replaceAll(':', ' ')} ${n}`
}

const fieldsOf: Make = (n, values, { fields }) => {
  return (fields as readonly (readonly [string, string | readonly [string, Opts]])[]).map(([, type], i) => {
    return values.named(typeof type === 'string' ? type : type[0], Math.floor(n / PER_FIELD ** i))
  })
}

const ndef = (n: number): Value => ['inet:ipv4', 0x0200_0000 + n]
const host = (n: number) => `h${n}.${n % 7}.example.com`
const v6 = (n: number) => `2001:db8:${Math.floor(n / 65_536).toString(16)}:${(n % 65_536).toString(16)}`
const dotted = (n: number) => [24, 16, 8, 0].map((shift) => ((0x0300_0000 + n) >>> shift) & 255).join('.')

/** By the model's classes: how 0.1.x indexes their values, where that is more than a hash, and how to make one. */
const CLASSES: Readonly<Record<string, readonly [Kind, Make]>> = {
  Addr: ['str', (n) => `tcp://${dotted(n)}:${1 + (n % 60_000)}`],
  Array: ['hashed', (n, values, { type }) => [values.named(type as string, n), values.named(type as string, n + 1)]],
  Bool: ['bool', (n) => n % 2],
  Cidr4: ['str', (n) => `${dotted((n * 256) % 2 ** 31)}/24`],
  Cidr6: ['str', (n) => `${v6(n)}::/64`],
  Comp: ['hashed', fieldsOf],
  Data: ['hashed', (n) => ['made', n]],
  Dist: ['int', (n) => `${n} mm`],
  DnsName: ['str', host],
  Edge: ['hashed', (n) => [ndef(n), ['inet:fqdn', host(n % PER_FIELD)]]],
  Email: ['str', (n) => `user${n}@${host(n % PER_FIELD)}`],
  FileBase: ['str', (n) => `file${n}.exe`],
  FileBytes: ['str', (n) => `sha256:${hexOf('sha256', `file ${n}`)}`],
  FilePath: ['str', (n) => `/opt/d${n % 100}/f${n}.txt`],
  Float: ['hashed', (n) => new Float((n % 90) + 0.5)],
  Fqdn: ['fqdn', host],
  Guid: ['hex', (n, _, __, name) => hexOf('md5', `${name} ${n}`)],
  Hex: [
    'hex',
    (n, _, { size }) => hexOf('sha512', `hex ${n}`).slice(0, typeof size === 'number' && size > 0 ? size : 16),
  ],
  IPv4: ['ipv4', (n) => 0x0300_0000 + n],
  IPv4Range: ['hashed', (n) => [dotted(n), dotted(n + 255)]],
  IPv6: ['str', (n) => `${v6(n)}::1`],
  IPv6Range: ['hashed', (n) => [`${v6(n)}::1`, `${v6(n)}::ff`]],
  Imei: ['int', (n) => 49_015_420_000_000 + n],
  Imsi: ['int', (n) => 310_150_000_000_000 + n],
  Int: ['int', intOf],
  Ival: ['ival', (n) => [FIRST_MS + n, FIRST_MS + n + 1000]],
  LatLong: ['hashed', (n) => `${(n % 179) - 89}.5,${(n % 359) - 179}.25`],
  Loc: ['loc', (n) => `us.c${n % 50}.t${n}`],
  Ndef: ['hashed', ndef],
  NodeProp: ['hashed', (n) => ['inet:ipv4:asn', n]],
  Phone: ['str', (n) => `1${2_000_000_000 + n}`],
  Range: ['hashed', (n) => [n, n + 5]],
  Rfc2822Addr: ['str', (n) => `name${n} <user${n}@example.com>`],
  SemVer: ['int', (n) => `${n % 100}.${n % 7}.${n % 13}`],
  Str: ['str', strOf],
  Tag: ['str', (n) => `rep.t${n}`],
  Time: ['int', (n) => FIRST_MS + n * 1000],
  TimeEdge: ['hashed', (n) => [ndef(n), ['inet:fqdn', host(n % PER_FIELD)], FIRST_MS + n]],
  Url: ['str', (n) => `https://${host(n % PER_FIELD)}/p${n}`],
}
const kinds = new Map(Object.entries(CLASSES).map(([name, [kind]]) => [ctors.get(name) as object, kind]))
const makers = new Map(Object.entries(CLASSES).map(([name, [, make]]) => [ctors.get(name) as object, make]))

function kindOf(type: Type): Kind {
  return kinds.get(type.constructor) ?? 'hashed'
}

function hexOf(algorithm: string, text: string): string {
  return createHash(algorithm).update(text).digest('hex')
}

function padded(n: number, digits: number): string {
  return String(n % 10 ** digits).padStart(digits, '0')
}

function letters(n: number, count: number): string {
  return Array.from({ length: count }, (_, i) => String.fromCharCode(97 + (Math.floor(n / 26 ** i) % 26))).join('')
}
