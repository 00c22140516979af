import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { defineCommand } from '../../cli/command.ts'
import type { Command } from '../../cli/command.ts'
import type { CliContext } from '../../cli/context.ts'
import { usageError } from '../../cli/errors.ts'
import { suggest } from '../../cli/suggest.ts'
import { prepareMachine } from '../prepare-machine.ts'
import { ROOT } from '../root.ts'

const NAMES = ['start', 'claims', 'lists', 'events', 'gateway', 'install', 'throughput', 'density', 'api']

const benchHelp = defineCommand({
  name: 'bench',
  summary: `Measures one thing and prints it: ${NAMES.join(', ')}. Options after the name go to the benchmark.`,
  positionals: ['NAME'],
  options: { json: { type: 'boolean', help: 'print one JSON document and nothing else' } },
  examples: ['drydock bench start', 'drydock bench claims --json'],
  run: async () => 0,
})

const faultHelp = defineCommand({
  name: 'fault',
  summary: 'Kills a server (or with "gateway": the gateway) with -9, under load, and checks from outside what is left.',
  positionals: [],
  options: { json: { type: 'boolean', help: 'print one JSON document and nothing else' } },
  examples: ['drydock fault --json', 'drydock fault gateway --kills 20 --sandboxes 20'],
  run: async () => 0,
})

/** Benchmarks are programs of their own: what they measure shares no process with what dispatches them. */
export const bench: Command = {
  ...benchHelp,
  run: async (argv, context) => {
    const at = argv.findIndex((word) => !word.startsWith('-'))
    const name = argv[at]
    if (name === undefined) throw usageError(`Cannot run "bench": a name is missing, one of ${NAMES.join(', ')}`)
    if (!NAMES.includes(name)) {
      const meant = suggest(name, NAMES)
      const hint = meant === undefined ? `They are ${NAMES.join(', ')}` : `Did you mean "${meant}"?`
      throw usageError(`There is no benchmark ${JSON.stringify(name)}. ${hint}`)
    }
    return runProgram(join(ROOT, 'dist', 'bench', `${name}.js`), [...argv.slice(0, at), ...argv.slice(at + 1)], context)
  },
}

export const fault: Command = {
  ...faultHelp,
  run: (argv, context) => {
    const ofGateway = argv.includes('gateway')
    const program = join(ROOT, 'dist', 'bench', ofGateway ? 'fault-gateway.js' : 'fault.js')
    const rest = argv.filter((word) => word !== 'gateway')
    return runProgram(program, rest, context)
  },
}

const soakHelp = defineCommand({
  name: 'soak',
  summary:
    'Has people work with a server for half an hour, kills runners meanwhile, and looks for leaks and wrong states.',
  positionals: [],
  options: { json: { type: 'boolean', help: 'print one JSON document and nothing else' } },
  examples: ['drydock soak', 'drydock soak --minutes 5 --kills 2 --json'],
  run: async () => 0,
})

export const soak: Command = {
  ...soakHelp,
  run: (argv, context) => runProgram(join(ROOT, 'dist', 'bench', 'soak.js'), argv, context),
}

const fuzzHelp = defineCommand({
  name: 'fuzz',
  summary: 'Feeds all that reads hostile input with it, and has what comes out checked by another reading.',
  positionals: [],
  options: { json: { type: 'boolean', help: 'print one JSON document and nothing else' } },
  examples: ['drydock fuzz gateway', 'drydock fuzz api', 'drydock fuzz gateway --inputs 1000000 --seed 7 --json'],
  run: async () => 0,
})

export const fuzz: Command = {
  ...fuzzHelp,
  run: (argv, context) => runProgram(join(ROOT, 'dist', 'bench', 'fuzz.js'), argv, context),
}

async function runProgram(program: string, argv: readonly string[], context: CliContext): Promise<number> {
  await prepareMachine(ROOT, context.env)
  const child = spawn(process.execPath, [program, ...argv], { stdio: 'inherit', cwd: ROOT })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  return code ?? 1
}
