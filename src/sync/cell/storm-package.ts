import { PackMap, type Value } from '../../bytes/msgpack.js'

/** The service's name, and the first word of its commands. It is the reference's, which operators know. */
export const SERVICE_NAME = 'migrsync'

/** What `getStormSvcInfo` answers: name, version and the package of commands. */
export function stormServiceInfo(version: readonly number[]): Value {
  return map({ name: SERVICE_NAME, vers: [...version], evts: map({}), pkgs: [stormPackage(version)] })
}

/** The package of Storm commands; a Cortex adds the service's iden to each command's configuration. */
export function stormPackage(version: readonly number[]): Value {
  return map({
    name: SERVICE_NAME,
    version: [...version],
    commands: COMMANDS.map(({ name, descr, storm }) =>
      map({
        name: `${SERVICE_NAME}.${name}`,
        descr,
        cmdargs: [],
        cmdconf: map({}),
        storm: `$svc = $lib.service.get($cmdconf.svciden)\n${storm.trim()}\n`,
      }),
    ),
  })
}

interface Command {
  readonly name: string
  readonly descr: string
  readonly storm: string
}

const COMMANDS: readonly Command[] = [
  {
    name: 'status',
    descr: 'Show how far each layer is read from the source and acknowledged by the destination.',
    storm: String.raw`
$status = $svc.status(1)
$lib.print('')
$isEmpty = (1)
for ($layer, $info) in $status {
    $isEmpty = (0)
    $lib.print("{table}\n{details}\n", table=$info.pprint, details=$info.details)
}
if $isEmpty { $lib.print("No sync was started yet: run migrsync.startfromfile") }
else {
    for $item in $svc.notLookedAt() {
        $lib.print("Not looked at: {item}", item=$item)
    }
}`,
  },
  {
    name: 'startfromfile',
    descr: 'Start syncing every layer of the offsets file from the offset given there; forgets the errors so far.',
    storm: started('startSyncFromFile'),
  },
  {
    name: 'startfromlast',
    descr: 'Go on syncing every known layer behind the last change that the destination has acknowledged.',
    storm: started('startSyncFromLast'),
  },
  {
    name: 'stopsync',
    descr: 'Stop syncing all layers, after what is under way was acknowledged.',
    storm: String.raw`
$layers = $svc.stopSync()
$lib.print("\nSync stopped for the following Layers:")
for $layer in $layers {
    $lib.print("    {layer}", layer=$layer)
}
$lib.print('')`,
  },
  {
    name: 'migrationmode.enable',
    descr: 'Keep cron jobs and triggers of the destination off, whether a sync runs or not.',
    storm: switched('enableMigrationMode', 'enabled', 'Enabling'),
  },
  {
    name: 'migrationmode.disable',
    descr: 'Keep cron jobs and triggers of the destination on, even while a sync runs.',
    storm: switched('disableMigrationMode', 'disabled', 'Disabling'),
  },
  {
    name: 'migrationmode.auto',
    descr: 'Keep cron jobs and triggers of the destination off while a sync runs, and on when it is stopped.',
    storm: switched('automaticMigrationMode', 'automatic', 'Switching'),
  },
  {
    name: 'cutover',
    descr: 'Tell whether the destination has everything, and what to redo by hand.',
    storm: `
$state = $svc.getSyncState()
if $state.can_cutover { $lib.print("Ready to cut over: the destination has everything that splices carry.") }
else { $lib.print("Not ready to cut over:") }
for $reason in $state.cutover_blockers {
    $lib.print("    {reason}", reason=$reason)
}
for $item in $state.not_carried {
    $lib.print("To redo by hand: {item}", item=$item)
}
for $item in $state.not_looked_at {
    $lib.print("Not looked at: {item}", item=$item)
}`,
  },
  {
    name: 'errors',
    descr: 'List the changes that could not be applied, the first 100.',
    storm: `
$errors = $svc.listErrors()
for $error in $errors {
    $lib.print("{layer} {offs}: {reason}", layer=$error.layer, offs=$error.offs, reason=$error.mesg)
}
$lib.print("Errors: {count}", count=$lib.len($errors))`,
  },
  {
    name: 'retry',
    descr: 'Apply the changes again that could not be applied, after the cause was removed.',
    storm: `
$result = $svc.retryErrors()
$lib.print("Applied {applied}, still failing {failed}", applied=$result.applied, failed=$result.failed)`,
  },
]

function started(method: string): string {
  return String.raw`
$starts = $svc.${method}()
$lib.print("\nSync started for the following (Layers, offsets):")
for $start in $starts {
    $lib.print("    {start}", start=$start)
}
$lib.print('')`
}

function switched(method: string, done: string, doing: string): string {
  return `
$failure = $svc.${method}()
if $failure { $lib.print("${doing} migrationMode encountered an error: {failure}", failure=$failure) }
else { $lib.print("migrationMode successfully ${done}") }`
}

function map(fields: Record<string, Value>): PackMap {
  return new PackMap(Object.entries(fields))
}
