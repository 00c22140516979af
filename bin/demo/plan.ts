import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { dataFolder } from '../../cli/config.ts'
import type { Options, Values } from '../../cli/command.ts'
import { parsePolicy } from '../../cli/environment-flags.ts'
import { usageError } from '../../cli/errors.ts'
import { SAMPLE_PROMPT, SAMPLE_SCRIPT } from '../sample-repository.ts'

export const DEMO_OPTIONS = {
  repo: { type: 'string', value: 'PATH|URL', help: 'work on this repository (default: a small sample)' },
  branch: { type: 'string', value: 'BRANCH', help: 'start from this branch (default: the one that is checked out)' },
  agent: { type: 'string', value: 'AGENT', help: 'command (default), codex, claude or opencode' },
  script: { type: 'string', value: 'FILE', help: 'what the "command" agent runs in the sandbox' },
  prompt: { type: 'string', value: 'TEXT', help: 'the task in words; a script finds it in $TASK_PROMPT' },
  policy: { type: 'string', value: 'FILE', help: 'what the sandbox may reach, as JSON (default: nothing)' },
  'model-url': { type: 'string', value: 'URL', help: "where the agent's model is: the API of its provider" },
  'model-key-file': { type: 'string', value: 'FILE', help: "the provider's key (default: none is sent)" },
  model: { type: 'string', value: 'MODEL', help: "name of the model (default: the agent's own choice)" },
  image: {
    type: 'string',
    value: 'REF',
    help: 'container image (default: base; universal has compilers, Python and Node)',
  },
  push: { type: 'boolean', help: 'push the branch to the repository itself, in place of a copy of it' },
  data: { type: 'string', value: 'DIR', help: "the demo's own folder (default: the server's, with -demo behind it)" },
  json: { type: 'boolean', help: 'print one JSON document and nothing else' },
} as const satisfies Options

export type DemoPlan = {
  /** A path or URL; undefined for the sample. */
  repo: string | undefined
  branch: string | undefined
  push: boolean
  dataDir: string
  agent: string
  agentScript: string | null
  prompt: string
  policy: Record<string, unknown> | null
  image: string
  /** Of an agent with a model. */
  provider: { wire: 'responses' | 'anthropic' | 'chat'; url: string; key: string | null } | null
  model: string | null
}

const WIRES = { codex: 'responses', claude: 'anthropic', opencode: 'chat' } as const
const AGENTS = ['command', ...Object.keys(WIRES)]
const DEFAULT_PROMPT = 'Describe this repository in DRYDOCK.md.'

/** A change that every repository bears: one new file about it. */
const DEFAULT_SCRIPT = `set -eu
echo "Task: $TASK_PROMPT"
files=$(git ls-files | wc -l | tr -d ' ')
{
  echo "# What Drydock's demo saw"
  echo
  echo "$files files; the newest commit is:"
  echo
  git log -1 --format='    %h %s' 2>/dev/null || echo '    (no history in the sandbox)'
} >DRYDOCK.md
cat DRYDOCK.md
`

/** Checks everything that was typed before anything is started. Rejects with exit code 2. */
export async function readPlan(
  values: Values<typeof DEMO_OPTIONS>,
  { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<DemoPlan> {
  const { repo, branch, agent = 'command', script, prompt, policy } = values
  if (!AGENTS.includes(agent))
    throw usageError(`Cannot use --agent ${JSON.stringify(agent)}: it is one of ${AGENTS.join(', ')}`)
  if (script !== undefined && agent !== 'command')
    throw usageError('Cannot use --script: only the agent "command" runs one')
  if (values.push && repo === undefined) throw usageError('Cannot use --push: it needs --repo')
  if (repo === '') throw usageError('Cannot use --repo: it is empty')
  if (prompt?.trim() === '') throw usageError('Cannot use --prompt: it is empty')
  const read = (flag: string, path: string) => readGiven(flag, resolve(cwd, path))
  const isSample = repo === undefined
  return {
    repo: repo === undefined || isUrl(repo) ? repo : resolve(cwd, repo),
    branch,
    push: values.push === true,
    dataDir: values.data === undefined ? `${dataFolder(env)}-demo` : resolve(cwd, values.data),
    agent,
    agentScript:
      script !== undefined
        ? await read('script', script)
        : agent !== 'command'
          ? null
          : isSample
            ? SAMPLE_SCRIPT
            : DEFAULT_SCRIPT,
    prompt:
      prompt ??
      (isSample && script === undefined ? SAMPLE_PROMPT : script === undefined ? DEFAULT_PROMPT : `Run ${script}`),
    policy: policy === undefined ? null : parsePolicy(await read('policy', policy), policy),
    image: values.image ?? 'base',
    provider: await readProvider(agent, { url: values['model-url'], keyFile: values['model-key-file'], read }),
    model: values.model ?? null,
  }
}

type GivenProvider = {
  url: string | undefined
  keyFile: string | undefined
  read: (flag: string, path: string) => Promise<string>
}

async function readProvider(agent: string, { url, keyFile, read }: GivenProvider): Promise<DemoPlan['provider']> {
  const wire = Object.entries(WIRES).find(([id]) => id === agent)?.[1]
  if (wire === undefined) {
    if (url === undefined && keyFile === undefined) return null
    throw usageError('Cannot use --model-url: the agent "command" needs no model')
  }
  if (url === undefined) {
    throw usageError(
      `Cannot run agent "${agent}": it needs a model. Say where with --model-url URL, and --model-key-file FILE for its key`,
    )
  }
  return { wire, url, key: keyFile === undefined ? null : (await read('model-key-file', keyFile)).trim() }
}

/** `https://…`, `ssh://…`, or `git@host:path`. */
export function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text) || /^[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:./.test(text)
}

async function readGiven(flag: string, path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const state = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : String(error)
    throw usageError(`Cannot read --${flag} ${JSON.stringify(path)}: ${state}`)
  })
  if (text.trim() === '') throw usageError(`Cannot use --${flag} ${JSON.stringify(path)}: the file is empty`)
  return text
}
