import { CliError } from '../../cli/errors.ts'
import { defineCommand, JSON_OPTION, type Command } from '../../cli/command.ts'
import { say, type CliContext } from '../../cli/context.ts'
import { neutralise } from '../../cli/terminal.ts'
import type { SandboxPlan } from '../sandbox/plan.ts'
import { ROOT } from '../root.ts'

const OPTIONS = {
  policy: { type: 'string', value: 'FILE', help: 'what it may reach, as JSON; without one: nothing' },
  image: { type: 'string', value: 'REF', help: 'base, universal (default), or an image of the engine' },
  resolve: {
    type: 'string',
    multiple: true,
    value: 'NAME=ADDR[,ADDR…]',
    help: 'where the gateway finds a name, in place of DNS',
  },
  'upstream-ca': { type: 'string', multiple: true, value: 'FILE', help: 'a CA that the gateway trusts upstream (PEM)' },
  timeout: { type: 'string', value: 'S', help: 'ends the sandbox after so many seconds (default 3600)' },
  ...JSON_OPTION,
} as const

const NOTES = [
  'The command runs as uid 1000 in /workspace, which is empty, in a sandbox of its own that is gone afterwards.',
  'The exit code is 0 when that of the command is, else 1. With --json: {exitCode, stdout, stderr, timedOut, gateway,',
  'ledger}. Otherwise its output is passed on, and a table of what it asked of the network is on standard error.',
].join('\n')

/** What follows `--` is the command; its words are its own. */
const commandOf = (words: readonly string[]) =>
  defineCommand({
    name: 'sandbox',
    summary: 'Runs one command in a fresh sandbox under a policy and shows what it asked of the network.',
    positionals: ['-- COMMAND…'],
    options: OPTIONS,
    notes: NOTES,
    examples: [
      'drydock sandbox --policy policy.json -- npm ci',
      'drydock sandbox --policy policy.json --resolve registry.test=192.0.2.10 --json -- curl -sS https://registry.test/',
    ],
    run: async ({ values }, context) => {
      const { readPlan } = await import('../sandbox/plan.ts')
      const plan = await readPlan(values, { command: words, cwd: context.cwd })
      return run(plan, { context, isJson: values.json === true })
    },
  })

export const sandbox: Command = {
  name: 'sandbox',
  flags: commandOf([]).flags,
  help: (style) => commandOf([]).help(style),
  run: (argv, context) => {
    const end = argv.indexOf('--')
    const words = end < 0 ? [] : argv.slice(end + 1)
    const flags = end < 0 ? argv : argv.slice(0, end)
    return commandOf(words).run(words.length > 0 ? [...flags, '--', 'COMMAND'] : flags, context)
  },
}

async function run(plan: SandboxPlan, { context, isJson }: { context: CliContext; isJson: boolean }): Promise<number> {
  const { runInSandbox, openPlace, sweepPlaces, openTools, sayRun, writeRun } = await loadParts()
  await using tools = await openTools(ROOT, context)
  await using place = await openPlace()
  const sweeping = sweepPlaces(tools.engine).catch(() => undefined)
  const onOutput = (stream: 'stdout' | 'stderr', chunk: Buffer) => {
    const to = stream === 'stdout' ? context.out : context.err
    to.write(to.isTerminal ? neutralise(chunk.toString()) : chunk)
  }
  try {
    await using finished = await runInSandbox(
      plan,
      { ...tools, place, onLog: (line) => say(context, line), ...(isJson ? {} : { onOutput }) },
      context.signal,
    )
    const { result } = finished
    if (isJson) writeRun(result, context)
    else sayRun(result, context)
    return result.exitCode === 0 ? 0 : 1
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'AttemptFailure') throw error
    throw new CliError((error as Error & { reason: string }).reason, error.message, { cause: error })
  } finally {
    await sweeping
  }
}

/** Loaded when it is needed. Apart from `run`: the compiler leaves the names of imports beside `await using` as they are. */
async function loadParts() {
  return {
    ...(await import('../sandbox/run.ts')),
    ...(await import('../sandbox/place.ts')),
    ...(await import('../sandbox/tools.ts')),
    ...(await import('../sandbox/report.ts')),
  }
}
