import { PackMap, type Value } from '../bytes/msgpack.js'

/** The 0.2.x value of a cron job of the hive (`agenda/appts/<iden>`): its `useriden` becomes `creator`, at the end. */
export function translateCron(job: Value): Value {
  if (!(job instanceof PackMap)) return job
  const user = job.get('useriden') ?? null
  if (user === null) return job
  const rest = job.entries.filter(([name]) => name !== 'useriden' && name !== 'creator')
  return new PackMap([...rest, ['creator', user]])
}
