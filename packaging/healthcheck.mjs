// The health of the container: of sync_020 whether it answers; anything else that runs in it is healthy while it runs.
import { readFileSync } from 'node:fs'
import { get } from 'node:https'

const URL = process.env.HEALTH_URL ?? 'https://127.0.0.1:4443/api/v1/active'

if (readFileSync('/proc/1/cmdline', 'utf8').includes('sync_020')) {
  // The certificate is the service's own; it is asked on this machine alone.
  get(URL, { rejectUnauthorized: false, timeout: 4000 }, (response) => {
    process.exit(response.statusCode === 200 ? 0 : 1)
  })
    .on('timeout', () => process.exit(1))
    .on('error', () => process.exit(1))
}
