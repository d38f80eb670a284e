// One migration whose pieces have sizes that the command line does not offer; the argument is JSON. Prints JSON: the bytes that the
// process has read and written, whatever the page cache had of them (Linux only).
import { readFileSync } from 'node:fs'
import { type MigrateInput, withDefaults } from '../src/api/run-options.js'
import { Migrator } from '../src/migrate/migrator.js'

// As the programs do.
const { setEngineFlags } = await import(new URL('../../bin/start.mjs', import.meta.url).href)
setEngineFlags(Number.parseInt(process.versions.node, 10))
const asked: MigrateInput = JSON.parse(process.argv[2])
await new Migrator({ ...withDefaults(asked), ...asked }, () => {}, { show: () => {} }).run()
const io = readFileSync('/proc/self/io', 'utf8')
const of = (name: string) => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(io)?.[1])
process.stdout.write(JSON.stringify({ readBytes: of('rchar'), writtenBytes: of('wchar') }))
