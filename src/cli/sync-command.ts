import { InvalidArgumentError, Option } from 'commander'
import { ExitCode } from '../errors.js'
import { CliCommand, NO_EFFECT_GROUP } from './cli-command.js'
import { logOptions } from './log-options.js'
import { DEFAULT_HTTPS, DEFAULT_TELEPATH, httpsOf, type ParsedSync } from './sync-options.js'
import { intOf } from './whole-number.js'

const VARIABLES = 'SYN_SYNCMIGRATOR_<NAME>'

/** `sync_020`, or `synapse-migrator sync`. */
export function syncCommand(name: string): CliCommand {
  return new CliCommand(name)
    .usage('<dirn> [options]')
    .description('Keeps a migrated 2.x Cortex up to date with the running 0.1.x Cortex until cut-over.')
    .examples(
      `${name === 'sync' ? 'synapse-migrator sync' : name} ./sync --auth-passwd-file ./passwd \\`,
      '    --offsfile ./cortex-2x/migration/lyroffs.yaml --start file --telepath tcp://0.0.0.0:27493/',
      '# src and dest, like tcp://root:PASSWD@old:27492/, are in ./sync/cell.yaml',
    )
    .argument('<dirn>', "the service's own directory, made when it is missing")
    .addOptions(logOptions())
    .option('--telepath <url>', `where to listen for telepath (default: ${DEFAULT_TELEPATH})`)
    .option(
      '--https <address>',
      `where the status page is, [HOST:]PORT; port 0: any free one, none: no page (default: ${DEFAULT_HTTPS} on all addresses)`,
      httpsOf,
    )
    .option('--name <name>', 'share the service under this name too')
    .option('--src <url>', 'telepath url of the 0.1.x Cortex')
    .option('--dest <url>', 'telepath url of the 2.x Cortex')
    .option('--offsfile <file>', 'where each layer starts: <dest>/migration/lyroffs.yaml of the migration')
    .option('--poll_s <seconds>', 'between checks of a source that has nothing new (default: 60)', numberOf)
    .option('--err_lim <n>', 'failed changes after which a layer stops; -1: never (default: 10)', intOf)
    .option(
      '--skip-layer <iden...>',
      'layers of the source that are not synced on purpose, so that they do not prevent the cut-over',
    )
    .option('--queue_size <n>', 'most changes of a layer in memory (default: 100000)', intOf)
    .option('--queue-bytes <bytes>', 'most bytes of changes of all layers in memory (default: 67108864)', intOf)
    .option('--offs_logging <n>', 'a log line every so many offsets; 0: none (default: 10000000)', intOf)
    .option('--message-bytes <bytes>', 'longest message that a Cortex may send, like 256M (default: 256M)')
    .option('--auth-passwd <passwd>', "password of the service's user root; everybody on the machine can see it")
    .addOption(
      new Option('--auth-passwd-file <file>', 'a file whose first line is that password').conflicts('authPasswd'),
    )
    .addOption(
      new Option(
        '--model-sync <how>',
        'what to do with model extensions that only the source has: add them, or only list them in the status (default: add)',
      ).choices(['add', 'off']),
    )
    .option(
      '--no-migration-mode',
      'continue with a destination that has no migration mode: its triggers and cron jobs run',
    )
    .addOption(new Option('--start <from>', 'start the sync at once').choices(['file', 'last']))
    .option(
      '--until-caught-up',
      'end when all layers are in sync at the same moment: with 0 when it is safe to cut over',
    )
    .option(
      '--stop',
      'with --until-caught-up: stop the sync then, so that triggers and cron jobs of the destination run',
    )
    .option('--json', 'write the state to standard output, a line of JSON each 10 s and at the end')
    .optionsGroup(NO_EFFECT_GROUP)
    .option('--nexslog-en <bool>', 'of the reference service', booleanOf)
    .addHelpText(
      'after',
      `
Nothing is synced before --start, or a start command of the 2.x Cortex that has added the service (service.add).
Everything from --src to --model-sync can stand in <dirn>/cell.yaml too, or in ${VARIABLES}: the place for urls with
passwords, as other users of the machine can see arguments.`,
    )
    .exitCodes(
      [
        ExitCode.ok,
        ExitCode.internal,
        ExitCode.usage,
        ExitCode.config,
        ExitCode.source,
        ExitCode.dest,
        ExitCode.quarantined,
        ExitCode.locked,
        ExitCode.errorBudget,
        ExitCode.sigint,
        ExitCode.sigterm,
      ],
      {
        0: 'ended by a signal, or in sync',
        5: 'the source no longer holds what was read from it: the message says what to do',
        6: 'the destination has lost more than can be pushed again, or its migration mode could not be switched off',
        11: '--err_lim changes of a layer could not be applied',
        3: 'bad configuration, or a Cortex refused',
        8: 'in sync, but something prevents the cut-over',
        10: 'another service runs on the directory',
        130: 'interrupted before --until-caught-up was done',
        143: 'interrupted before --until-caught-up was done',
      },
    )
    .runs<ParsedSync>(async (parsed, [dirn]) => (await import('./run-sync.js')).runSync(dirn, parsed), VARIABLES)
}

function numberOf(text: string): number {
  if (!/^[+-]?\d+(\.\d+)?$/.test(text.trim())) throw new InvalidArgumentError('it is no number')
  return Number(text)
}

function booleanOf(text: string): boolean {
  const yes = /^(true|yes|on)$/i.test(text)
  if (!yes && !/^(false|no|off)$/i.test(text)) throw new InvalidArgumentError('it is neither True nor False')
  return yes
}
