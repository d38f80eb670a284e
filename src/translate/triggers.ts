import { guid } from '../bytes/hash.js'
import { PackMap, type Value } from '../bytes/msgpack.js'
import { cellError, type ErrorCode } from '../layout/error-record.js'

const IDEN = /^[0-9a-f]{32}$/
/** Conditions that a 0.1.x rule stores as null when it has none; 0.2.x then leaves them out. */
const CONDITIONS = new Set(['form', 'prop', 'tag'])

export interface TriggerContext {
  readonly defaultView: string | undefined
  readonly cellGuid: string
  readonly hasView: (iden: string) => boolean
}

export type TriggerOutcome =
  | { readonly ok: { readonly viewIden: string; readonly iden: string; readonly tdef: PackMap } }
  | { readonly fail: { readonly key: string; readonly val: PackMap } }

/**
 * Translates a row of the 0.1.x db `triggers` (key = iden as text, value = rule) to a trigger of a view. It keeps its
 * iden. As in 0.1.x, a rule without a view, or with the Cortex's own iden as view, belongs to the default view.
 */
export function translateTrigger(key: string, rule: Value, context: TriggerContext): TriggerOutcome {
  if (!(rule instanceof PackMap)) return failed('RULE', key, 'Trigger rule is not a map', rule)
  const rest = rule.entries.filter(([name]) => name !== 'viewiden' && name !== 'useriden')
  const user = rule.get('useriden')
  // The reference names such a rule by the hash of whatever the rule still holds when it gives up.
  if (typeof user !== 'string')
    return failed('OWNER', guid(new PackMap(rest)), 'Missing iden values for trigger', new PackMap(rest))
  const named = rule.get('viewiden') ?? null
  const viewIden = named === null || named === context.cellGuid ? context.defaultView : named
  if (typeof viewIden !== 'string' || !context.hasView(viewIden)) {
    return failed('VIEW', key, 'Trigger is for a view that does not exist', rule)
  }
  const tdef = rest.filter(([name, value]) => !(CONDITIONS.has(String(name)) && value === null))
  if (rule.get('enabled') === undefined) tdef.push(['enabled', true])
  tdef.push(['user', user])
  const iden = IDEN.test(key) ? key : guid(new PackMap(tdef))
  tdef.push(['iden', iden])
  return { ok: { viewIden, iden, tdef: new PackMap(tdef) } }
}

function failed(code: ErrorCode, key: string, err: string, rule: Value): TriggerOutcome {
  return { fail: { key, val: cellError(code, err, [['rule', rule]]) } }
}
