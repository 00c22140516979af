import { parseArgs } from 'node:util'
import type { CliContext } from './context.ts'
import { usageError } from './errors.ts'
import { suggest } from './suggest.ts'
import type { Style } from './terminal.ts'

export type Option = {
  type: 'string' | 'boolean'
  short?: string
  multiple?: true
  /** What stands for the value in the help. */
  value?: string
  help: string
}
export type Options = Readonly<Record<string, Option>>

type ValueOf<O extends Option> = O extends { multiple: true }
  ? string[] | undefined
  : O extends { type: 'boolean' }
    ? boolean | undefined
    : string | undefined
export type Values<O extends Options> = { [K in keyof O]: ValueOf<O[K]> }

export type CommandSpec<O extends Options> = {
  /** As it is typed: `env create`. */
  name: string
  summary: string
  /** The positional arguments in order; those in brackets may be left out. */
  positionals: readonly string[]
  options: O
  notes?: string
  examples: readonly string[]
  /** Returns the exit code: 0 done, 1 the work failed. */
  run: (input: { values: Values<O>; positionals: string[] }, context: CliContext) => Promise<number>
}

export type Command = {
  name: string
  /** Its options as they are typed. */
  flags: readonly string[]
  help: (style: Style) => string
  /** Parses and runs. Rejects with exit code 2 on wrong use. */
  run: (argv: readonly string[], context: CliContext) => Promise<number>
}

export const JSON_OPTION = { json: { type: 'boolean', help: 'print one JSON document and nothing else' } } as const
const HELP_OPTION = { help: { type: 'boolean', short: 'h', help: 'show this help' } } as const

export function defineCommand<const O extends Options>(spec: CommandSpec<O>): Command {
  const options: Options = { ...spec.options, ...HELP_OPTION }
  return {
    name: spec.name,
    flags: Object.keys(options).map((name) => `--${name}`),
    help: (style) => helpOf({ ...spec, notes: spec.notes, options }, style),
    run: async (argv, context) => {
      const { values, positionals } = parse(spec, { options, argv })
      // The parser checked each value against the options that the type is made of.
      return spec.run({ values: values as Values<O>, positionals }, context)
    },
  }
}

type Shape = Pick<CommandSpec<Options>, 'name' | 'positionals'>

function parse(spec: Shape, { options, argv }: { options: Options; argv: readonly string[] }) {
  const parsed = tryParse(spec, { options, argv })
  const required = spec.positionals.filter((name) => !name.startsWith('['))
  const missing = required[parsed.positionals.length]
  if (missing !== undefined) throw usageError(`Cannot run "${spec.name}": ${missing} is missing. ${seeHelp(spec)}`)
  const extra = parsed.positionals[spec.positionals.length]
  if (extra !== undefined) {
    const quote = spec.positionals.some((name) => name.includes('PROMPT'))
      ? ' (a prompt of several words is quoted)'
      : ''
    throw usageError(
      `Cannot run "${spec.name}": ${JSON.stringify(extra)} is one argument too many${quote}. ${seeHelp(spec)}`,
    )
  }
  return parsed
}

function tryParse(spec: Shape, { options, argv }: { options: Options; argv: readonly string[] }) {
  try {
    return parseArgs({ args: [...argv], options: { ...options }, allowPositionals: true, strict: true })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const unknown = /^Unknown option '(-{1,2}[^']*)'/.exec(message)?.[1]
    if (unknown === undefined) throw usageError(`Cannot run "${spec.name}": ${sentence(message)} ${seeHelp(spec)}`)
    const meant = suggest(unknown.replace(/^-+/, ''), Object.keys(options))
    const hint = meant === undefined ? '' : ` Did you mean --${meant}?`
    throw usageError(`Cannot run "${spec.name}": there is no option ${unknown}.${hint} ${seeHelp(spec)}`)
  }
}

const sentence = (message: string) => `${message.split('\n')[0]?.replace(/\.?$/, '')}.`
const seeHelp = ({ name }: Shape) => `See: drydock ${name} --help`

type HelpText = Pick<CommandSpec<Options>, 'name' | 'summary' | 'positionals' | 'options' | 'examples'> & {
  notes?: string | undefined
}

function helpOf(spec: HelpText, style: Style): string {
  const rows = Object.entries(spec.options).map(([name, option]) => [flagOf(name, option), option.help] as const)
  const width = Math.max(...rows.map(([flag]) => flag.length))
  const usage = ['drydock', spec.name, ...spec.positionals, '[options]'].join(' ')
  const sections = [
    `${spec.summary}\n`,
    `${style('bold', 'Usage')}\n  ${usage}\n`,
    `${style('bold', 'Options')}\n${rows.map(([flag, help]) => `  ${style('cyan', flag.padEnd(width))}  ${help}`).join('\n')}\n`,
    ...(spec.notes === undefined ? [] : [`${spec.notes}\n`]),
    `${style('bold', 'Examples')}\n${spec.examples.map((example) => `  ${example}`).join('\n')}\n`,
  ]
  return sections.join('\n')
}

function flagOf(name: string, { short, value, multiple }: Option): string {
  const flag = `${short === undefined ? '    ' : `-${short}, `}--${name}`
  return `${flag}${value === undefined ? '' : ` ${value}`}${multiple === true ? ' …' : ''}`
}
