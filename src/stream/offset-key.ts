/** The key of a splice or of a row of the node edit log: an int64, big-endian. */
export function offsetKey(offset: number): Uint8Array {
  const key = Buffer.alloc(8)
  writeOffset(key, offset)
  return key
}

export function writeOffset(key: Buffer, offset: number): void {
  key.writeUInt32BE(Math.floor(offset / 0x1_0000_0000), 0)
  key.writeUInt32BE(offset % 0x1_0000_0000, 4)
}
