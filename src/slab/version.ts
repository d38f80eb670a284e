import type { Value } from '../bytes/msgpack.js'

/** `[major, minor, patch]`, as Synapse stores versions of itself and of models. */
export type Version = readonly [number, number, number]

/** A version as stored, or null when the value is none. */
export function versionOf(value: Value | undefined): Version | null {
  if (!Array.isArray(value) || value.length !== 3 || !value.every((part) => typeof part === 'number')) return null
  return value as unknown as Version
}

/** The version of a layer's model as it is noted; below all others when none is, or what is noted is none. */
export function layerVersionOf(noted: Value | null): Version {
  return versionOf(noted ?? undefined) ?? [-1, -1, -1]
}

/** Negative when `a` is the older, zero when they are equal. */
export function compareVersions(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}

/** `(0, 1, 3)`, as Synapse's messages show a version. */
export function showVersion(version: readonly Value[]): string {
  return `(${version.join(', ')})`
}
