import { ArrayType } from './array.js'
import { Bool } from './bool.js'
import { Comp } from './comp.js'
import { Data } from './data.js'
import { DnsName } from './dns-name.js'
import { FileBase, FileBytes, FilePath } from './file.js'
import { FloatType } from './float.js'
import { Dist, LatLong } from './geo.js'
import { Guid } from './guid.js'
import { Hex } from './hex.js'
import { Addr } from './inet-addr.js'
import { Cidr4, Cidr6 } from './inet-cidr.js'
import { Email, Rfc2822Addr } from './inet-email.js'
import { Fqdn } from './inet-fqdn.js'
import { Ipv4, Ipv4Range, Ipv6, Ipv6Range } from './inet-ip.js'
import { Url } from './inet-url.js'
import { IntType } from './int.js'
import { Ival } from './ival.js'
import { Loc } from './loc.js'
import { Edge, Ndef, NodeProp, TimeEdge } from './ndef.js'
import { Range } from './range.js'
import { SemVer } from './semver.js'
import { Str } from './str.js'
import { Tag } from './tag.js'
import { Imei, Imsi, Phone } from './telco.js'
import { Time } from './time.js'
import type { Opts, Type, TypeModel } from './type.js'

export type Ctor = new (model: TypeModel, name: string, opts: Opts, subof: string | null) => Type

/** The classes of types by the names of the reference's classes. */
export const ctors: ReadonlyMap<string, Ctor> = new Map<string, Ctor>([
  ['Addr', Addr],
  ['Array', ArrayType],
  ['Bool', Bool],
  ['Cidr4', Cidr4],
  ['Cidr6', Cidr6],
  ['Comp', Comp],
  ['Data', Data],
  ['Dist', Dist],
  ['DnsName', DnsName],
  ['Edge', Edge],
  ['Email', Email],
  ['FileBase', FileBase],
  ['FileBytes', FileBytes],
  ['FilePath', FilePath],
  ['Float', FloatType],
  ['Fqdn', Fqdn],
  ['Guid', Guid],
  ['Hex', Hex],
  ['IPv4', Ipv4],
  ['IPv4Range', Ipv4Range],
  ['IPv6', Ipv6],
  ['IPv6Range', Ipv6Range],
  ['Imei', Imei],
  ['Imsi', Imsi],
  ['Int', IntType],
  ['Ival', Ival],
  ['LatLong', LatLong],
  ['Loc', Loc],
  ['Ndef', Ndef],
  ['NodeProp', NodeProp],
  ['Phone', Phone],
  ['Range', Range],
  ['Rfc2822Addr', Rfc2822Addr],
  ['SemVer', SemVer],
  ['Str', Str],
  ['Tag', Tag],
  ['Time', Time],
  ['TimeEdge', TimeEdge],
  ['Url', Url],
])
