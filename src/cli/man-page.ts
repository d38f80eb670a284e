import type { Command } from 'commander'
import type { CliCommand } from './cli-command.js'
import { firstSentence } from './command-tree.js'

/**
 * The manual page of a program, made from the same tree as its help.
 *
 * @param apart commands with a page of their own, and its name
 */
export function manPage(program: CliCommand, version: string, apart: Readonly<Record<string, string>> = {}): string {
  const name = program.name()
  const lines = [
    `.TH ${name.toUpperCase()} 1 "" "synapse-migrator ${version}" "User Commands"`,
    '.SH NAME',
    `${escaped(name)} \\- ${escaped(firstSentence(program.description()))}`,
    '.SH SYNOPSIS',
    `.B ${escaped(name)}`,
    escaped(program.usage()),
    '.SH DESCRIPTION',
    ...described(program),
    ...optionLines(program, '.SH'),
  ]
  if (program.commands.length > 0) {
    lines.push('.SH COMMANDS')
    for (const command of program.commands) lines.push(...commandLines(command, command.name(), apart))
  }
  lines.push('.SH ENVIRONMENT')
  if (program.variables !== null) {
    lines.push('.TP', `.B ${escaped(program.variables)}`, 'The value of an option that is not on the command line.')
  }
  lines.push('.TP', '.B SYN_LOG_LEVEL', 'Overrides the level of the log.')
  lines.push('.TP', '.B NO_COLOR', 'No colors, when it is set.', '.SH EXIT STATUS')
  for (const [code, meaning] of program.exitMeanings) lines.push('.TP', `.B ${code}`, escaped(meaning))
  const others = ['synapse-migrator', 'migrate_020', 'sync_020'].filter((other) => other !== name)
  lines.push('.SH SEE ALSO', others.map((other) => `.BR ${escaped(other)} (1)`).join('\n'))
  return `${lines.join('\n')}\n`
}

function commandLines(command: Command, path: string, apart: Readonly<Record<string, string>>): string[] {
  if (command.commands.length > 0) {
    return command.commands.flatMap((each) => commandLines(each, `${path} ${each.name()}`, apart))
  }
  const page = apart[path]
  const head = [`.SS ${escaped(`${path} ${command.usage()}`)}`]
  if (page !== undefined) return [...head, `The same as`, `.BR ${escaped(page)} (1).`]
  return [...head, ...described(command), ...optionLines(command, '.PP')]
}

/** What the help shows above the options, with examples unchanged. */
function described(command: Command): string[] {
  const [text, examples] = command.createHelp().commandDescription(command).split('\n\nExamples:\n')
  return [escaped(text), ...(examples === undefined ? [] : ['.PP', '.nf', ...examples.split('\n').map(escaped), '.fi'])]
}

/** Options by group. A heading is a section, or a separate line. */
function optionLines(command: Command, heading: '.SH' | '.PP'): string[] {
  const help = command.createHelp()
  const groups = help.groupItems([...command.options], help.visibleOptions(command), groupOf)
  return [...groups].flatMap(([group, options]) => {
    const title = group.replace(/:$/, '')
    return [
      ...(heading === '.SH' ? [`.SH ${escaped(title.toUpperCase())}`] : ['.PP', `.I ${escaped(title)}`]),
      ...options.flatMap((option) => [
        '.TP',
        `.B ${escaped(help.optionTerm(option))}`,
        escaped(help.optionDescription(option)),
      ]),
    ]
  })
}

function groupOf(option: { helpGroupHeading?: string | undefined }): string {
  return option.helpGroupHeading ?? 'Options:'
}

/** Escapes text for roff: dashes that you can copy, and no line that starts like a request. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/gm, '\\&')
}
