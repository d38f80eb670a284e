import type { CommandFacts, OptionFacts, WordKind } from './command-tree.js'

export const SHELLS = ['bash', 'zsh', 'fish'] as const

export type Shell = (typeof SHELLS)[number]

/** A script that completes all words of these programs without running any of them. */
export function completionScript(shell: Shell, programs: readonly CommandFacts[]): string {
  return { bash, zsh, fish }[shell](programs)
}

function bash(all: readonly CommandFacts[]): string {
  const words = (list: readonly string[]) => `COMPREPLY=($(compgen -W ${quoted(list.join(' '))} -- "$cur"))`
  const reply = (kind: WordKind) => {
    if (kind === 'file') return 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"))'
    if (kind === 'directory') return 'compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur"))'
    return typeof kind === 'string' ? ':' : words(kind)
  }
  return `# Completion of ${programNames(all).join(', ')} for bash: source this file.
_synapse_migrator() {
    local IFS=$' \\t\\n' cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} at=\${COMP_WORDS[0]##*/} i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$at \${COMP_WORDS[i]}" in
            ${subPaths(all).map(quoted).join(' | ')}) at+=" \${COMP_WORDS[i]}" ;;
        esac
    done
    case "$at $prev" in
${valueCases(all)
  .map(({ keys, kind }) => `        ${keys.map(quoted).join(' | ')}) ${lineBreak(kind, reply(kind))}; return ;;`)
  .join('\n')}
    esac
    case "$at" in
${all
  .map(
    (command) => `        ${quoted(command.path)})
            if [[ $cur == -* ]]; then ${words(command.options.map(({ long }) => long))}
            else ${command.below.length > 0 ? words(command.below.map(lastWord)) : lineBreak(command.operand, reply(command.operand))}; fi ;;`,
  )
  .join('\n')}
    esac
}
complete -F _synapse_migrator ${programNames(all).join(' ')}
`
}

/** Names may contain spaces, so only line breaks separate them. */
function lineBreak(kind: WordKind, command: string): string {
  return kind === 'file' || kind === 'directory' ? `IFS=$'\\n'; ${command}` : command
}

function zsh(all: readonly CommandFacts[]): string {
  const reply = (kind: WordKind) => {
    if (kind === 'file') return '_files'
    if (kind === 'directory') return '_files -/'
    return typeof kind === 'string' ? ':' : `compadd -- ${kind.join(' ')}`
  }
  const described = (tag: string, items: readonly (readonly [string, string])[]) =>
    `found=(${items.map(([word, about]) => quoted(`${word}:${about}`)).join(' ')}); _describe ${tag} found`
  return `#compdef ${programNames(all).join(' ')}
# Completion for zsh: a file named _synapse-migrator in a directory of $fpath, or source it after compinit.
_synapse_migrator() {
    local cur=$words[CURRENT] prev=$words[CURRENT-1] at=\${words[1]:t} i
    local -a found
    for ((i = 2; i < CURRENT; i++)); do
        case "$at $words[i]" in
            (${subPaths(all).map(quoted).join('|')}) at+=" $words[i]" ;;
        esac
    done
    case "$at $prev" in
${valueCases(all)
  .map(({ keys, kind }) => `        (${keys.map(quoted).join('|')}) ${reply(kind)}; return ;;`)
  .join('\n')}
    esac
    case "$at" in
${all
  .map((command) => {
    const options = command.options.map(({ long, description }) => [long, description] as const)
    const below = command.below.map((path) => [lastWord(path), summaryOf(all, path)] as const)
    return `        (${quoted(command.path)})
            if [[ $cur == -* ]]; then ${described('-o option', options)}
            else ${below.length > 0 ? described('command', below) : reply(command.operand)}; fi ;;`
  })
  .join('\n')}
    esac
}
if [[ $funcstack[1] == _synapse_migrator || $funcstack[1] == _synapse-migrator ]]; then _synapse_migrator "$@"
else compdef _synapse_migrator ${programNames(all).join(' ')}; fi
`
}

function fish(all: readonly CommandFacts[]): string {
  const lines = programNames(all).map((name) => `complete -c ${name} -f`)
  for (const { path, options, below, operand } of all) {
    const head = `complete -c ${path.split(' ', 1)[0]} -n ${quotedFish(`__synapse_migrator_at ${quotedFish(path)}`)}`
    for (const each of below) {
      lines.push(`${head} -a ${lastWord(each)} -d ${quotedFish(summaryOf(all, each))}`)
    }
    if (below.length === 0) lines.push(...fishOperand(head, operand))
    lines.push(...options.map((option) => `${head} ${fishOption(option)}`))
  }
  return `# Completion of ${programNames(all).join(', ')} for fish.
function __synapse_migrator_at
    set -l words (commandline -opc)
    set -l at (string replace -r '.*/' '' -- $words[1])
    for word in $words[2..-1]
        if contains -- "$at $word" ${subPaths(all).map(quotedFish).join(' ')}
            set at "$at $word"
        end
    end
    test "$at" = "$argv[1]"
end
${lines.join('\n')}
`
}

function fishOption({ long, short, description, takes }: OptionFacts): string {
  const names = `${short === null ? '' : `-s ${short.slice(1)} `}-l ${long.slice(2)}`
  const value = {
    nothing: '',
    text: ' -x',
    file: ' -r -F',
    directory: " -x -a '(__fish_complete_directories)'",
  }
  return `${names}${typeof takes === 'string' ? value[takes] : ` -x -a ${quotedFish(takes.join(' '))}`} -d ${quotedFish(description)}`
}

function fishOperand(head: string, operand: WordKind): string[] {
  if (operand === 'directory') return [`${head} -a '(__fish_complete_directories)'`]
  if (operand === 'file') return [`${head} -F`]
  return typeof operand === 'string' ? [] : [`${head} -a ${quotedFish(operand.join(' '))}`]
}

/** Options with a value, grouped by the kind of value: commands and options as the user types them. */
function valueCases(all: readonly CommandFacts[]): { keys: string[]; kind: WordKind }[] {
  const cases = new Map<string, { keys: string[]; kind: WordKind }>()
  for (const { path, options } of all) {
    for (const { long, takes } of options) {
      if (takes === 'nothing') continue
      const known = cases.get(String(takes)) ?? { keys: [], kind: takes }
      cases.set(String(takes), known)
      known.keys.push(`${path} ${long}`)
    }
  }
  return [...cases.values()]
}

function programNames(all: readonly CommandFacts[]): string[] {
  return all.map(({ path }) => path).filter((path) => !path.includes(' '))
}

function subPaths(all: readonly CommandFacts[]): string[] {
  return all.map(({ path }) => path).filter((path) => path.includes(' '))
}

function summaryOf(all: readonly CommandFacts[], path: string): string {
  return all.find((command) => command.path === path)?.summary ?? ''
}

function lastWord(path: string): string {
  return path.slice(path.lastIndexOf(' ') + 1)
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

function quotedFish(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
