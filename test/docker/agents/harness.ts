import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { AGENTS } from '../../../runner/agent/agents.ts'
import type { AgentRun } from '../../../runner/agent/adapter.ts'
import { agentInstaller } from '../../../runner/agent/install.ts'
import type { AgentProgram } from '../../../runner/agent/program.ts'
import { runAgent } from '../../../runner/agent/run-agent.ts'
import type { AgentInput, AgentOutcome } from '../../../runner/agent/run-agent.ts'
import type { Sandbox } from '../../../runner/sandbox/sandbox.ts'
import { aJob } from '../../support/job.ts'
import { NEVER, sh, useEngine } from '../sandbox/harness.ts'
import { directWay } from './way.ts'
import type { Way } from './way.ts'

/** Ports 53 and 80 of the model's address. */
export const CAN_LISTEN = process.getuid?.() === 0
const MAIN = { resources: { memoryMiB: 2048, cpus: 2, pids: 512, diskMiB: 2048 } }

/** A repository of two files in a fresh sandbox. */
const REPOSITORY = `cd /workspace && git init -q -b main && echo hi > README.md && echo "MARKER-OF-AGENTS-MD" > AGENTS.md &&
git add -A && git -c user.name=a -c user.email=a@example.test commit -qm first`

export type Told = {
  outcome: AgentOutcome
  events: { kind: string; payload: Record<string, unknown> }[]
  sessionId: string | undefined
}

export type Turn = {
  prompt: string
  mode?: AgentRun['mode']
  model?: Partial<NonNullable<AgentInput['model']>>
  signal?: AbortSignal
  onEvent?: (kind: string, payload: Record<string, unknown>) => void
}

/** A real agent, a scripted model, and a way between them. */
export function useAgent(id: AgentProgram['id'], openWay: () => Promise<Way> = directWay) {
  const world = useEngine()
  let way: Way
  let program: AgentProgram
  const sandboxes: Sandbox[] = []
  beforeAll(async () => {
    const folder = join(tmpdir(), 'drydock-test-agents')
    const platform = { os: process.platform, cpu: process.arch }
    program = (await agentInstaller({ folder, manifest: 'images/agents', platform }).programs(() => {}, NEVER))[id]
    way = await openWay()
  })
  afterAll(async () => {
    await Promise.all(sandboxes.map((sandbox) => sandbox.destroy()))
    await way[Symbol.asyncDispose]()
  })
  return {
    adapter: AGENTS[id],
    get model() {
      return way.model
    },
    async sandbox(): Promise<Sandbox> {
      const sandbox = await world.started({ ...MAIN, ...way.join(), mounts: [program.mount] })
      sandboxes.push(sandbox)
      const { code, stderr } = await sh(sandbox, REPOSITORY)
      if (code !== 0) throw new Error(stderr)
      return sandbox
    },
    async run(sandbox: Sandbox, { prompt, mode = 'code', model, signal = NEVER, onEvent }: Turn): Promise<Told> {
      const told: Omit<Told, 'outcome'> = { events: [], sessionId: undefined }
      const input: AgentInput = {
        sandbox,
        adapter: AGENTS[id],
        job: aJob({ task: { agent: id, mode }, turn: { prompt } }),
        log: {
          write: async (_phase, kind, payload) => {
            told.events.push({ kind, payload })
            onEvent?.(kind, payload)
          },
        },
        heard: () => {},
        model: { model: 'mock-model', gatewayUrl: 'http://model.drydock.internal/v1', ...model },
        program,
        onSession: (sessionId) => (told.sessionId = sessionId),
      }
      return { ...told, outcome: await runAgent(input, signal), sessionId: told.sessionId }
    },
  }
}

export const kinds = ({ events }: Pick<Told, 'events'>) => events.map(({ kind }) => kind)
export const payloads = ({ events }: Pick<Told, 'events'>, kind: string) =>
  events.filter((event) => event.kind === kind).map(({ payload }) => payload)

/** A picture of one white point. */
export const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
)
