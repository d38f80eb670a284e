/** How a check goes about it; src/model/type.ts has them in this order. */
export enum CheckKind {
  int,
  float,
  tuple,
  ordered,
  ndef,
  choice,
  imei,
  ipv6Range,
  text,
  sequence,
  parts,
  fqdn,
  dnsName,
  email,
  url,
  addr,
  fileBytes,
  filePath,
  ipv6,
  cidr4,
  cidr6,
  mailAddr,
}

/** A `ByteCheck` of src/model/type.ts. */
@unmanaged
export class Check {
  next: usize
  kind: u32
  /** A flag for each byte, or 0; the values of a choice. */
  chars: usize
  low: f64
  high: f64
  mark: u32
  /** How many checks of items follow. */
  count: u32

  item(index: u32): Check {
    return changetype<Check>(load<usize>(changetype<usize>(this) + offsetof<Check>() + 4 * index))
  }
}
