import type { PhaseTiming } from '../../domain/tasks/attempt.ts'
import type { MirrorView } from '../../forge/mirrors.ts'
import { commandAgent } from '../../runner/agent/command.ts'
import type { EventLog } from '../../runner/event-log.ts'
import { AttemptFailure } from '../../runner/failure.ts'
import { createPhases } from '../../runner/phases.ts'
import type { RunAttemptDeps } from '../../runner/run-attempt.ts'
import { fakeSandboxes } from '../../runner/sandbox/fake.ts'
import type { FakeScript } from '../../runner/sandbox/fake.ts'
import { stopSwitch } from '../../runner/stop.ts'
import type { Change } from '../../runner/workspace/workspace.ts'
import { aPlan, fakeNetworks } from './networks.ts'

/** The head of the branch `main` of `story()`. */
export const HEAD = 'a'.repeat(40)
export const CHANGE: Change = {
  tree: 'tree',
  patch: Buffer.from('patch'),
  stats: { files: 1, additions: 1, deletions: 0 },
  flagged: [],
  skipped: [],
}

/** An attempt with nothing real around it: fake sandboxes, and what it told of itself. */
export function story(script: FakeScript = {}, change: Change = CHANGE) {
  const sandboxes = fakeSandboxes(script)
  const stop = stopSwitch()
  const events: { phase: string; kind: string; payload: Record<string, unknown> }[] = []
  const timings: PhaseTiming[] = []
  const entered: string[] = []
  let disposed = 0
  const networks = fakeNetworks()
  const leftovers: unknown[] = []
  const log: EventLog = {
    write: async (phase, kind, payload) => void events.push({ phase, kind, payload }),
    flush: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  }
  const view: MirrorView = {
    objects: '/mirror',
    store: '/store',
    refs: [{ name: 'refs/heads/main', commit: HEAD }],
    defaultBranch: 'main',
    [Symbol.asyncDispose]: async () => void disposed++,
  }
  const deps: RunAttemptDeps = {
    installation: 'i',
    setupSecrets: [],
    findSecrets: async () => [],
    log,
    readyAgent: async () => ({ adapter: commandAgent }),
    networks,
    plan: aPlan({ setup: undefined, agent: undefined }),
    readCredentials: async () => ({}),
    modelGrant: async () => Promise.reject(new AttemptFailure('model-unavailable', 'Cannot reach a model')),
    serveView: async () => ({ folder: '/served/1', remove: async () => undefined }),
    recordUsage: async () => undefined,
    onStarted: () => undefined,
    warm: { want: () => false, take: async () => undefined, forget: () => undefined },
    readImages: async () => undefined,
    keepSession: async () => undefined,
    earlierTurn: async () => undefined,
    earlierSession: async () => undefined,
    restoreSession: async () => undefined,
    createSandbox: sandboxes.create,
    phases: createPhases({ log, record: (timing) => void timings.push(timing), signal: stop.signal }),
    resolveImage: async (name) => ({ ref: `drydock/${name}:1`, digest: 'sha256:1' }),
    services: { find: async () => [], start: async () => undefined },
    cache: { use: () => Promise.reject(new Error('nothing is set up here')) },
    recordStart: () => undefined,
    openMirror: async () => view,
    checkOut: async () => ({ state: '', lines: [] }),
    collect: async () => change,
    commit: async () => ({ commit: 'commit', branch: 'drydock/x' }),
    enter: async (state) => void entered.push(state),
    recordBase: () => undefined,
    onLeftover: (error) => void leftovers.push(error),
    onSandboxLeft: (error) => void leftovers.push(error),
  }
  return { sandboxes, networks, stop, log, events, timings, entered, deps, leftovers, disposed: () => disposed }
}
