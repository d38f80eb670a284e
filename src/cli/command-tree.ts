import type { Command, Option } from 'commander'
import { LOG_LEVELS } from '../log.js'
import { ADD_MODES } from '../migrate/options.js'
import { MIGR_OPS } from '../step/context.js'

/** What can follow an option, or be an operand. */
export type WordKind = 'nothing' | 'text' | 'file' | 'directory' | readonly string[]

export interface OptionFacts {
  readonly long: string
  readonly short: string | null
  readonly description: string
  readonly takes: WordKind
}

/** A command of a tree, with the words that lead to it: `synapse-migrator checkpoint show`. */
export interface CommandFacts {
  readonly path: string
  readonly summary: string
  readonly options: readonly OptionFacts[]
  readonly operand: WordKind
  /** Paths of its sub-commands. */
  readonly below: readonly string[]
}

/** Values of options that also accept lower case, so commander does not have the list. */
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  '--migr-ops': MIGR_OPS,
  '--add-mode': ADD_MODES,
  '--log-level': LOG_LEVELS,
}

/** A program and all commands below it. */
export function commandFacts(command: Command, above: readonly string[] = []): CommandFacts[] {
  const words = [...above, command.name()]
  const help: OptionFacts = { long: '--help', short: '-h', description: 'show this', takes: 'nothing' }
  const own: CommandFacts = {
    path: words.join(' '),
    summary: firstSentence(command.summary() || command.description()),
    options: [...command.options.flatMap(optionFacts), help],
    operand: operandOf(command),
    below: command.commands.map((each) => [...words, each.name()].join(' ')),
  }
  return [own, ...command.commands.flatMap((each) => commandFacts(each, words))]
}

function optionFacts(option: Option): OptionFacts[] {
  const { long, short, description } = option
  return long ? [{ long, short: short ?? null, description, takes: kindOf(option, long) }] : []
}

function kindOf(option: Option, long: string): WordKind {
  const choices = option.argChoices ?? CHOICES[long]
  if (choices !== undefined) return choices
  const [, placeholder] = /[<[]([^>\]]*)/.exec(option.flags) ?? []
  if (placeholder === undefined) return 'nothing'
  return placeKind(placeholder)
}

/** What a placeholder stands for. */
function placeKind(name: string): WordKind {
  if (/\bdir|dest/.test(name)) return 'directory'
  return /file|path|model/.test(name) ? 'file' : 'text'
}

function operandOf(command: Command): WordKind {
  const [operand] = command.registeredArguments
  if (operand === undefined) return 'nothing'
  return operand.argChoices ?? placeKind(operand.name())
}

/** Without its full stop. */
export function firstSentence(text: string): string {
  return text.split(/\. |\n/, 1)[0].replace(/\.$/, '')
}
