import type { Value } from '../bytes/msgpack.js'

/** `[major, minor, patch]`: how Synapse stores versions of itself and of models. */
export type Version = readonly [number, number, number]

/** A stored version, or null when the value is not one. */
export function versionOf(value: Value | undefined): Version | null {
  if (!Array.isArray(value) || value.length !== 3 || !value.every((part) => typeof part === 'number')) return null
  return value as unknown as Version
}

/** The stored version of a layer's model. A missing or invalid version counts as lower than all others. */
export function layerVersionOf(noted: Value | null): Version {
  return versionOf(noted ?? undefined) ?? [-1, -1, -1]
}

/** Negative when `a` is older, zero when they are equal. */
export function compareVersions(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}

/** `(0, 1, 3)`, the way Synapse's messages show a version. */
export function showVersion(version: readonly Value[]): string {
  return `(${version.join(', ')})`
}
