// Completion scripts. Each holds a table of what may follow: `env` → `create …`, `env create` → its options; words that are
// no command end the walk. Where nothing fits, the shell completes names of files.

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/** What may follow a beginning of a command line; the empty one is that of the program alone. */
export type Words = ReadonlyMap<string, readonly string[]>

/** The words that lead to each command, and behind it its options. */
export function wordsOf(commands: readonly { name: string; flags: readonly string[] }[]): Words {
  const words = new Map<string, string[]>()
  const add = (before: string, next: string) => {
    const known = words.get(before) ?? []
    if (!known.includes(next)) words.set(before, [...known, next])
  }
  for (const { name, flags } of commands) {
    const parts = name.split(' ')
    for (const [i, part] of parts.entries()) add(parts.slice(0, i).join(' '), part)
    for (const flag of flags) add(name, flag)
  }
  return words
}

export function completionScript(shell: Shell, words: Words): string {
  return { bash, zsh, fish }[shell](words)
}

const bash = (words: Words) => `${table(words)}
_drydock() {
${walk({ words: 'COMP_WORDS', from: 1, end: 'COMP_CWORD' })}
  COMPREPLY=($(compgen -W "$(_drydock_words "$typed")" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _drydock drydock
`

const zsh = (words: Words) => `#compdef drydock
${table(words)}
_drydock() {
${walk({ words: 'words', from: 2, end: 'CURRENT' })}
  compadd -- $(_drydock_words "$typed") || _files
}
if [ "\${funcstack[1]}" = _drydock ]; then _drydock "$@"; else compdef _drydock drydock; fi
`

/** Joins the words that were typed to `typed`, as far as they lead to a command. `from`: the first behind the program. */
const walk = ({ words, from, end }: { words: string; from: number; end: string }) => `  local typed='' next i
  for ((i = ${from}; i < ${end}; i++)); do
    next="\${typed:+$typed }\${${words}[i]}"
    _drydock_words "$next" >/dev/null || break
    typed=$next
  done`

const fish = (words: Words) => `function __drydock_words
  switch "$argv[1]"
${[...words].map(([before, next]) => `    case '${before}'\n      string split ' ' -- '${next.join(' ')}'`).join('\n')}
    case '*'
      return 1
  end
end
function __drydock_complete
  set -l typed ''
  for word in (commandline -opc)[2..-1]
    set -l next (string trim -- "$typed $word")
    __drydock_words "$next" >/dev/null; or break
    set typed "$next"
  end
  __drydock_words "$typed"
end
complete -c drydock -a '(__drydock_complete)'
`

/** For shells like sh. Names of commands and options need no quoting. */
const table = (words: Words) => `_drydock_words() {
  case "$1" in
${[...words].map(([before, next]) => `    '${before}') echo '${next.join(' ')}' ;;`).join('\n')}
    *) return 1 ;;
  esac
}`
