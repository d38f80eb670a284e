const ENV_PREFIX = 'SYN_SYNCMIGRATOR_'

/** The environment variable of a key of `cell.yaml`. */
export function envName(key: string): string {
  return ENV_PREFIX + key.replaceAll(':', '_').toUpperCase()
}
