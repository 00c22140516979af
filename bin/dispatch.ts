import { usageError } from '../cli/errors.ts'
import type { CliContext } from '../cli/context.ts'
import { styleOf } from '../cli/context.ts'
import { suggest } from '../cli/suggest.ts'
import type { Style } from '../cli/terminal.ts'
import { COMMANDS, GROUPS } from './commands.ts'

const ENVIRONMENT_VARIABLES = [
  ['DRYDOCK_URL', 'the server (default http://127.0.0.1:7070)'],
  ['DRYDOCK_TOKEN', "your token (default: the local server's admin-token)"],
  ['DRYDOCK_PROFILE', 'the profile of "drydock login" to use, as --profile at any command'],
] as const

const NAME_WIDTH = Math.max(...Object.keys(COMMANDS).map((name) => name.length))

/** Runs what was typed. Returns the exit code; rejects with exit code 2 on wrong use. */
export async function dispatch(argv: readonly string[], context: CliContext): Promise<number> {
  const [first, ...rest] = argv
  if (first === undefined || first === '--help' || first === '-h') {
    const output = first === undefined ? context.err : context.out
    output.write(overview(styleOf(context, output)))
    return first === undefined ? 2 : 0
  }
  if (first === 'help') return dispatch([...rest.filter((word) => !word.startsWith('-')), '--help'], context)

  const length = commandLength(argv)
  const name = argv.slice(0, length).join(' ')
  const entry = COMMANDS[name]
  const next = argv[length]
  if (entry === undefined && isGroup(name) && (next === undefined || next === '--help' || next === '-h'))
    return showGroup(name, argv.slice(length), context)
  if (entry === undefined) throw unknownCommand(isGroup(name) ? `${name} ${next}` : first)

  const command = await entry.load()
  const args = argv.slice(length)
  if (asksForHelp(args)) {
    context.out.write(command.help(styleOf(context, context.out)))
    return 0
  }
  return command.run(args, context)
}

const isGroup = (name: string) => Object.keys(COMMANDS).some((each) => each.startsWith(`${name} `))

/** How many words name the command, or the group of commands, that was typed. */
function commandLength(argv: readonly string[]): number {
  let length = 1
  while (isGroup(argv.slice(0, length).join(' ')) && argv[length] !== undefined) {
    const longer = argv.slice(0, length + 1).join(' ')
    if (COMMANDS[longer] === undefined && !isGroup(longer)) break
    length += 1
  }
  return length
}

function showGroup(group: string, rest: readonly string[], context: CliContext): number {
  const output = rest.length === 0 ? context.err : context.out
  const names = Object.keys(COMMANDS).filter((name) => name.startsWith(`${group} `))
  output.write(`${rows(names, styleOf(context, output))}\n\nMore: drydock ${names[0]} --help\n`)
  return rest.length === 0 ? 2 : 0
}

/** Whether help is wanted: anywhere before a `--`, whatever else is wrong. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return (end < 0 ? args : args.slice(0, end)).some((word) => word === '--help' || word === '-h')
}

function unknownCommand(name: string): Error {
  const shown = name.startsWith('-') ? `option ${name}` : `command ${JSON.stringify(name)}`
  const meant = suggest(name.replace(/^-+/, ''), Object.keys(COMMANDS))
  return usageError(
    `There is no ${shown}.${meant === undefined ? '' : ` Did you mean "${meant}"?`} See: drydock --help`,
  )
}

function overview(style: Style): string {
  const groups = GROUPS.map(([title, names]) => `${style('bold', title)}\n${rows(names, style)}`)
  const variables = ENVIRONMENT_VARIABLES.map(([name, help]) => `  ${style('cyan', name.padEnd(15))} ${help}`)
  return [
    'Drydock runs coding agents on your repositories, in sandboxes without network.\n',
    'Usage: drydock COMMAND [options]\n',
    `${groups.join('\n\n')}\n`,
    `${style('bold', 'Variables')}\n${variables.join('\n')}\n`,
    'More about one: drydock COMMAND --help\n',
  ].join('\n')
}

function rows(names: readonly string[], style: Style): string {
  return names.map((name) => `  ${style('cyan', name.padEnd(NAME_WIDTH))} ${COMMANDS[name]?.summary ?? ''}`).join('\n')
}
