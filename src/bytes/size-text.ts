const UNITS: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }

/** Parses a size such as `512M` or `2g`; null when it is not one. */
export function parseBytes(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?$/i.exec(text.trim())
  if (match === null) return null
  return Math.floor(Number(match[1]) * UNITS[match[2].toLowerCase()])
}

/** A size in bytes, for people. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  const power = Math.min(4, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 2 ** (10 * power)).toFixed(1)} ${' KMGT'[power]}iB`
}
