// Stands for kubectl and a cluster where examples/kubernetes is tried: runs the pods of a Job one after another, here, before
// `create` ends. KUBE_STATE is a directory for what it knows; KUBE_SOURCE and KUBE_DEST are what the two claims hold.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const { KUBE_STATE = '', KUBE_SOURCE = '', KUBE_DEST = '' } = process.env
const [verb, ...words] = process.argv.slice(2)
const of = (job: string) => join(KUBE_STATE, `${job}.json`)

interface Ended {
  readonly codes: readonly (number | null)[]
  readonly log: string
}

if (verb === 'create') create(readFileSync(0, 'utf8'))
else if (verb === 'delete') rmSync(of(words[1]), { force: true })
else if (verb === 'logs') process.stdout.write(ended(words[0].replace('job/', '')).log)
else if (words[0] === 'pods') console.log(ended(words[2].replace('job-name=', '')).codes.join('\n'))
else
  process.stdout.write(
    ended(words[1]).codes.every((code) => code === 0) ? 'Complete=True ' : 'FailureTarget=True Failed=True ',
  )

function create(text: string): void {
  const { metadata, spec } = parse(text)
  writeFileSync(join(KUBE_STATE, `${metadata.name}.yaml`), text)
  const [command, ...args] = spec.template.spec.containers[0].command.map((word: string) =>
    word.replace('/source', KUBE_SOURCE).replace('/dest', KUBE_DEST),
  )
  const pods = Array.from({ length: spec.completions }, (_, index) =>
    spawnSync(command, args, {
      env: { ...process.env, JOB_COMPLETION_INDEX: String(index) },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  )
  const state: Ended = { codes: pods.map(({ status }) => status), log: pods.map(({ stdout }) => stdout).join('') }
  writeFileSync(of(metadata.name), JSON.stringify(state))
}

function ended(job: string): Ended {
  return JSON.parse(readFileSync(of(job), 'utf8'))
}
