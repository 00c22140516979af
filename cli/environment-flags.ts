import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { EnvironmentChangeJson } from '../api/schemas/environment.ts'
import type { Values } from './command.ts'
import { usageError } from './errors.ts'
import { choice, emptyAsNull, numberOf, readFlagFile } from './flag-values.ts'
import { SERVICE_OPTIONS, servicesFromFlags } from './service-flags.ts'

/** The flags that set up an environment, alike for a new one and for a change. An empty FILE removes what was there. */
export const ENVIRONMENT_OPTIONS = {
  name: { type: 'string', value: 'NAME', help: 'how people call it: letters, digits, ".", "_" and "-"' },
  repo: { type: 'string', value: 'PATH|URL|owner/name', help: 'its repository' },
  'add-repo': {
    type: 'string',
    multiple: true,
    value: '[NAME=]PATH|URL|owner/name',
    help: 'another one beside it: each then lies in /workspace/NAME',
  },
  description: { type: 'string', value: 'TEXT', help: 'what it is for' },
  image: { type: 'string', value: 'REF', help: 'container image (default: universal)' },
  agent: { type: 'string', value: 'AGENT', help: 'the agent of its tasks (default: command)' },
  'agent-script': {
    type: 'string',
    value: 'FILE',
    help: 'what the "command" agent runs (default: the prompt is the script)',
  },
  'agent-user': { type: 'string', value: 'agent|root', help: 'whom the agent runs as (default: agent, uid 1000)' },
  setup: { type: 'string', value: 'FILE', help: 'script that prepares the sandbox once' },
  maintenance: { type: 'string', value: 'FILE', help: 'script that runs at the start of every task' },
  lang: { type: 'string', multiple: true, value: 'NAME=VERSION', help: "a language version other than the image's" },
  verify: { type: 'string', multiple: true, value: 'COMMAND', help: 'a command that shows that it works ("": none)' },
  policy: { type: 'string', value: 'FILE', help: 'what the sandbox may reach, as JSON (default: nothing)' },
  publish: { type: 'string', value: 'MODE', help: 'after a change: manual, branch or pull-request (default: manual)' },
  'hold-flagged': { type: 'boolean', help: 'files that other machines run by themselves wait for your word (default)' },
  'publish-flagged': { type: 'boolean', help: 'publish those files without asking' },
  'publish-linked': { type: 'boolean', help: 'only people publish whose login on the forge is linked: drydock forge' },
  'publish-unlinked': { type: 'boolean', help: 'others publish, too (default)' },
  var: { type: 'string', multiple: true, value: 'NAME=VALUE', help: 'a variable for scripts and agent' },
  ...SERVICE_OPTIONS,
  memory: { type: 'string', value: 'MIB', help: 'memory of a sandbox' },
  cpus: { type: 'string', value: 'N', help: 'processors of a sandbox' },
  disk: { type: 'string', value: 'MIB', help: 'disk of a sandbox' },
  pids: { type: 'string', value: 'N', help: 'processes of a sandbox' },
  limit: {
    type: 'string',
    multiple: true,
    value: 'PHASE=TIME',
    help: 'how long may take, as in agent=45m: queue, sandbox, checkout, setup, agent, collect, publish, noOutput, total',
  },
  model: { type: 'string', value: 'MODEL', help: 'the model of agents that need one ("": the agent\'s own choice)' },
  provider: { type: 'string', value: 'NAME', help: 'who has the model ("": the default one; see: drydock provider)' },
  budget: { type: 'string', value: 'TOKENS', help: 'what one attempt may use of the model ("": the provider\'s)' },
  'max-running': { type: 'string', value: 'N', help: 'how many tasks may run at once' },
} as const

type OtherRepositoryJson = NonNullable<EnvironmentChangeJson['repositories']>[number]
export type EnvironmentFlags = Values<typeof ENVIRONMENT_OPTIONS>

/** What the flags say, files read, as the API takes it. Flags that are absent leave nothing behind. */
export async function environmentFromFlags(flags: EnvironmentFlags, cwd: string): Promise<EnvironmentChangeJson> {
  const read = (flag: 'agent-script' | 'setup' | 'maintenance' | 'policy') =>
    readFlagFile(flag, { path: flags[flag], cwd })
  const script = async (flag: 'agent-script' | 'setup' | 'maintenance') => (await read(flag)) ?? null
  const change = {
    name: flags.name,
    repository: flags.repo === undefined ? undefined : await repositoryOf(flags.repo, cwd),
    repositories: flags['add-repo'] && (await Promise.all(flags['add-repo'].map((each) => otherRepository(each, cwd)))),
    description: flags.description,
    image: flags.image,
    agent: flags.agent,
    agentScript: flags['agent-script'] === undefined ? undefined : await script('agent-script'),
    agentUser: choice('agent-user', flags['agent-user'], ['agent', 'root'] as const),
    setupScript: flags.setup === undefined ? undefined : await script('setup'),
    maintenanceScript: flags.maintenance === undefined ? undefined : await script('maintenance'),
    policy: flags.policy === undefined ? undefined : parsePolicy(await read('policy'), flags.policy),
    versions: flags.lang === undefined ? undefined : parsePairs('lang', flags.lang),
    verification: flags.verify?.filter((command) => command !== ''),
    publish: choice('publish', flags.publish, ['manual', 'branch', 'pull-request'] as const),
    holdFlagged: either(flags, 'hold-flagged', 'publish-flagged'),
    publishUnlinked: either(flags, 'publish-unlinked', 'publish-linked'),
    variables: flags.var === undefined ? undefined : parsePairs('var', flags.var),
    services: servicesFromFlags(flags),
    resources: resourcesOf(flags),
    limits: limitsOf(flags.limit),
    model: emptyAsNull(flags.model),
    provider: emptyAsNull(flags.provider),
    budgetTokens: flags.budget === '' ? null : flags.budget && numberOf('budget', flags.budget),
    maxRunning: flags['max-running'] === undefined ? undefined : numberOf('max-running', flags['max-running']),
  }
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
}

async function otherRepository(text: string, cwd: string): Promise<OtherRepositoryJson> {
  const [, name, address = text] = /^([A-Za-z0-9][A-Za-z0-9._-]*)=(.*)$/s.exec(text) ?? []
  return { repository: await repositoryOf(address, cwd, 'add-repo'), ...(name !== undefined && { name }) }
}

/** A folder that is here becomes an absolute path: the server has another current folder. */
export async function repositoryOf(text: string, cwd: string, flag = 'repo'): Promise<string> {
  const isPath = text.startsWith('.') || text.startsWith('/') || !/^[^/]+(:|\/[^/]+$)/.test(text)
  const real = await realpath(resolve(cwd, text)).catch(() => undefined)
  if (real !== undefined && !/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return real
  if (text.startsWith('/')) return text
  if (isPath) throw usageError(`Cannot use --${flag} ${JSON.stringify(text)}: there is no such folder in ${cwd}`)
  return text
}

/** Reads a policy file far enough to say that it is one object; the server checks what is in it. */
export function parsePolicy(text: string | undefined, path: string): Record<string, unknown> | null {
  if (text === undefined) return null
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch (error) {
    throw usageError(
      `Cannot read --policy ${JSON.stringify(path)}: ${error instanceof Error ? error.message : String(error)}`,
      'policy-invalid',
    )
  }
  throw usageError(`Cannot read --policy ${JSON.stringify(path)}: it is not a JSON object`, 'policy-invalid')
}

function parsePairs(flag: string, pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)]
      throw usageError(`Cannot use --${flag} ${JSON.stringify(pair)}: write NAME=VALUE`)
    }),
  )
}

function resourcesOf({ memory, cpus, disk, pids }: EnvironmentFlags): EnvironmentChangeJson['resources'] {
  if ([memory, cpus, disk, pids].every((each) => each === undefined)) return undefined
  return {
    ...(memory !== undefined && { memoryMiB: numberOf('memory', memory) }),
    ...(cpus !== undefined && { cpus: numberOf('cpus', cpus) }),
    ...(disk !== undefined && { diskMiB: numberOf('disk', disk) }),
    ...(pids !== undefined && { pids: numberOf('pids', pids) }),
  }
}

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

/** `agent=45m`, or as the API has it, `agentMs=2700000`. The server knows which limits there are. */
function limitsOf(pairs: readonly string[] | undefined): EnvironmentChangeJson['limits'] {
  if (pairs === undefined) return undefined
  const read = Object.entries(parsePairs('limit', pairs)).map(([name, time]) => {
    const [, number = '', unit = name.endsWith('Ms') ? 'ms' : ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(time) ?? []
    if (number !== '' && unit in UNITS) {
      const ms = Math.round(Number(number) * UNITS[unit as keyof typeof UNITS])
      return [name.endsWith('Ms') ? name : `${name}Ms`, ms]
    }
    throw usageError(`Cannot use --limit ${JSON.stringify(`${name}=${time}`)}: write a time as in 90s, 45m or 2h`)
  })
  return Object.fromEntries(read) as EnvironmentChangeJson['limits']
}

type Switch = 'hold-flagged' | 'publish-flagged' | 'publish-linked' | 'publish-unlinked'

/** Two flags that say the opposite of each other. */
function either(flags: EnvironmentFlags, on: Switch, off: Switch): boolean | undefined {
  if (flags[on] && flags[off]) throw usageError(`Cannot use --${on} together with --${off}`)
  return flags[on] ? true : flags[off] ? false : undefined
}
