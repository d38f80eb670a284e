import type { Report } from './report-schema.js'
import type { RunRecord } from './run-history.js'

/** What the operator should do next, with commands to paste. */
export function nextSteps(
  destDir: string,
  last: RunRecord | undefined,
  status: Report['verdict']['status'],
  errorCount: number,
  verify: Report['verify'],
): Report['next_steps'] {
  const dest = quoted(destDir)
  const src = typeof last?.options.src === 'string' ? quoted(last.options.src) : '<source>'
  const steps: Report['next_steps'] = []
  if (status === 'dry run') {
    return [
      {
        title: 'Migrate',
        text: 'Run the same command without --dry-run.',
        commands: [`migrate_020 --src ${src} --dest ${dest} --verify`],
      },
    ]
  }
  if (status === 'failed' || status === 'interrupted' || status === 'no end recorded') {
    const hint = last?.failure?.hint ?? null
    return [
      {
        title: 'Continue',
        text: `${hint === null ? '' : `${hint}. `}Run the same command, with the same options, and --from-last.`,
        commands: [`migrate_020 --src ${src} --dest ${dest} --from-last`],
      },
    ]
  }
  if (errorCount > 0) {
    steps.push({
      title: 'Look at the errors',
      text: 'Each kind names what cures it.',
      commands: [`synapse-migrator errors ${dest}`],
    })
  }
  const isCompared = verify?.result.ok === true && verify.result.sample == null
  if (!isCompared) {
    steps.push({
      title: 'Compare every row with the source',
      text: 'Do this before Synapse starts on the new Cortex: afterwards it differs by what Synapse adds.',
      commands: [
        `synapse-migrator verify --src ${src} --dest ${dest} --json > verify.json`,
        `synapse-migrator report ${dest} --verify verify.json`,
      ],
    })
  }
  steps.push(
    {
      title: 'Check the new Cortex in Storm',
      text: 'Start Synapse 2.x on a copy of the new Cortex and compare these numbers with the same queries on the 0.1.x one.',
      commands: ['inet:fqdn | count', 'syn:tag | count', 'view.list', 'queue.list', 'trigger.list', 'cron.list'],
    },
    {
      title: 'Keep both in sync until you cut over',
      text: 'Only needed when somebody writes to the 0.1.x Cortex after the backup.',
      commands: [`sync_020 <dir> --offsfile ${quoted(`${destDir}/migration/lyroffs.yaml`)} --start file`],
    },
    {
      title: 'Way back',
      text: 'The 0.1.x Cortex was not changed. To go back, stop 2.x and start 0.1.x on its own directory. What was written to 2.x in the meantime is not carried back.',
      commands: [],
    },
  )
  return steps
}

function quoted(path: string): string {
  return /^[\w./:@-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
