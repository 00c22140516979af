import { expect, test } from 'vitest'
import { DrydockError } from '../../domain/errors.ts'
import type { PhaseTiming } from '../../domain/tasks/attempt.ts'
import type { MirrorView } from '../../forge/mirrors.ts'
import { commandAgent } from '../../runner/agent/command.ts'
import type { EventLog } from '../../runner/event-log.ts'
import { AttemptFailure } from '../../runner/failure.ts'
import { createPhases } from '../../runner/phases.ts'
import { runAttempt } from '../../runner/run-attempt.ts'
import type { RunAttemptDeps } from '../../runner/run-attempt.ts'
import { fakeSandboxes } from '../../runner/sandbox/fake.ts'
import type { FakeScript } from '../../runner/sandbox/fake.ts'
import { stopSwitch } from '../../runner/stop.ts'
import type { Change } from '../../runner/workspace/workspace.ts'
import { aJob } from '../support/job.ts'
import { aPlan, fakeNetworks } from '../support/networks.ts'

const HEAD = 'a'.repeat(40)
const CHANGE: Change = {
  tree: 'tree',
  patch: Buffer.from('patch'),
  stats: { files: 1, additions: 1, deletions: 0 },
  flagged: [],
  skipped: [],
}

function story(script: FakeScript = {}, change: Change = CHANGE) {
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
    imageId: async () => 'sha256:1',
    readImages: async () => undefined,
    keepSession: async () => undefined,
    earlierTurn: async () => undefined,
    earlierSession: async () => undefined,
    restoreSession: async () => undefined,
    createSandbox: sandboxes.create,
    phases: createPhases({ log, record: (timing) => void timings.push(timing), signal: stop.signal }),
    resolveImage: async (name) => ({ ref: `drydock/${name}:1`, digest: 'sha256:1' }),
    snapshots: { find: async () => undefined, save: async () => undefined, imageExists: async () => false },
    openMirror: async () => view,
    checkOut: async () => ({ state: '', lines: [] }),
    settle: async () => undefined,
    collect: async () => change,
    commit: async () => ({ commit: 'commit', branch: 'drydock/x' }),
    enter: async (state) => void entered.push(state),
    recordBase: () => undefined,
    onLeftover: (error) => void leftovers.push(error),
  }
  return { sandboxes, networks, stop, log, events, timings, entered, deps, leftovers, disposed: () => disposed }
}

const isAgent = (command: readonly string[]) => command.join(' ').includes('/agent-home/')

test('runAttempt() goes through its phases in order and leaves nothing', async () => {
  const { deps, stop, sandboxes, timings, entered, disposed } = story()
  const outcome = await runAttempt(aJob(), deps, stop)
  expect(outcome.change).toMatchObject({ commit: 'commit', branch: 'drydock/x', stats: { files: 1 } })
  expect(timings.map((timing) => timing.phase)).toEqual([
    'checkout',
    'sandbox',
    'sandbox',
    'checkout',
    'agent',
    'collect',
  ])
  expect(entered).toEqual(['running', 'collecting'])
  sandboxes.assertClean()
  expect(disposed()).toBe(1)
})

test('runAttempt() takes standard output as the answer of an Ask task and collects nothing', async () => {
  const { deps, stop, timings } = story({
    exec: async ({ spec, out }) => {
      if (isAgent(spec.command)) await out('forty-two\n')
      return { code: 0 }
    },
  })
  expect(await runAttempt(aJob({ task: { mode: 'ask' } }), deps, stop)).toEqual({ answer: 'forty-two' })
  expect(timings.map((timing) => timing.phase)).not.toContain('collect')
})

test('runAttempt() makes no commit of an empty change', async () => {
  const { deps, stop } = story({}, { ...CHANGE, stats: { files: 0, additions: 0, deletions: 0 } })
  expect(await runAttempt(aJob(), deps, stop)).toMatchObject({
    change: { commit: null, branch: null, stats: { files: 0 } },
  })
})

test('runAttempt() fails with branch-not-found before a sandbox is made', async () => {
  const { deps, stop, sandboxes, disposed } = story()
  const failed = runAttempt(aJob({ task: { branch: 'nope' } }), deps, stop)
  await expect(failed).rejects.toMatchObject({ reason: 'branch-not-found' })
  expect(sandboxes.made).toHaveLength(0)
  expect(disposed()).toBe(1)
})

test('runAttempt() fails with agent-exited and destroys the sandbox', async () => {
  const { deps, stop, sandboxes } = story({ exec: ({ spec }) => ({ code: isAgent(spec.command) ? 3 : 0 }) })
  await expect(runAttempt(aJob(), deps, stop)).rejects.toMatchObject({
    reason: 'agent-exited',
    message: expect.stringContaining('exit code 3'),
  })
  sandboxes.assertClean()
})

test('runAttempt() names the limit that killed the agent', async () => {
  const { deps, stop, sandboxes } = story({
    exec: ({ spec }) => {
      if (!isAgent(spec.command)) return { code: 0 }
      sandboxes.made[0]?.breach('out-of-memory')
      return { code: 137 }
    },
  })
  await expect(runAttempt(aJob(), deps, stop)).rejects.toThrow()
  expect(stop.cause).toMatchObject({ kind: 'failed', failure: { reason: 'out-of-memory' } })
  sandboxes.assertClean()
})

test('runAttempt() ends at once when it is cancelled while the agent runs, and destroys the sandbox', async () => {
  const { deps, stop, sandboxes } = story({
    exec: ({ spec }) => {
      if (!isAgent(spec.command)) return { code: 0 }
      stop.stop({ kind: 'cancelled' })
      return new Promise<never>(() => undefined)
    },
  })
  await expect(runAttempt(aJob(), deps, stop)).rejects.toMatchObject({ because: { kind: 'cancelled' } })
  sandboxes.assertClean()
})

test('runAttempt() sets up once in a sandbox of its own, which is gone before the agent starts', async () => {
  const { deps, stop, sandboxes } = story()
  const saved: string[] = []
  deps.snapshots.save = async (snapshot) => void saved.push(snapshot.image)
  await runAttempt(aJob({ environment: { setupScript: 'npm ci' } }), deps, stop)
  const [setup, agent] = sandboxes.made
  expect(setup?.calls.at(-1)).toBe('destroy')
  expect(setup?.calls.some((call) => call.startsWith('commit drydock/snapshot:env1-'))).toBe(true)
  expect(agent?.spec.image).toBe(saved[0])
  sandboxes.assertClean()
})

test('runAttempt() fails with setup-failed, keeps no snapshot and starts no agent', async () => {
  const { deps, stop, sandboxes } = story({ exec: ({ spec }) => ({ code: spec.user === 'root' ? 1 : 0 }) })
  const failed = runAttempt(aJob({ environment: { setupScript: 'false' } }), deps, stop)
  await expect(failed).rejects.toMatchObject({ reason: 'setup-failed' })
  expect(sandboxes.made).toHaveLength(1)
  expect(sandboxes.made[0]?.calls.some((call) => call.startsWith('commit'))).toBe(false)
})

test('runAttempt() keeps its result when the sandbox cannot be removed, and says what it left', async () => {
  const gone = new Error('the engine went away')
  const { deps, stop, leftovers } = story({ destroy: () => Promise.reject(gone) })
  expect(await runAttempt(aJob(), deps, stop)).toMatchObject({ change: { commit: 'commit' } })
  expect(leftovers).toEqual([gone])
})

test('runAttempt() destroys the set-up sandbox when it is cancelled in it', async () => {
  const { deps, stop, sandboxes } = story({
    exec: ({ spec }) => {
      if (spec.user !== 'root') return { code: 0 }
      stop.stop({ kind: 'cancelled' })
      return new Promise<never>(() => undefined)
    },
  })
  const run = runAttempt(aJob({ environment: { setupScript: 'sleep 600' } }), deps, stop)
  await expect(run).rejects.toMatchObject({ because: { kind: 'cancelled' } })
  sandboxes.assertClean()
})

test('runAttempt() destroys the set-up sandbox when its checkout fails', async () => {
  const { deps, stop, sandboxes } = story()
  deps.checkOut = () => Promise.reject(new Error('no objects'))
  await expect(runAttempt(aJob({ environment: { setupScript: 'true' } }), deps, stop)).rejects.toThrow('no objects')
  sandboxes.assertClean()
})

test('runAttempt() sets up again when the snapshot is removed before the sandbox starts', async () => {
  let started = 0
  const gone = new AttemptFailure('image-unavailable', 'Cannot start a sandbox: the engine has no such image')
  const { deps, stop, sandboxes } = story({
    start: () => {
      if (++started === 2) throw gone
    },
  })
  expect(await runAttempt(aJob({ environment: { setupScript: 'npm ci' } }), deps, stop)).toMatchObject({
    change: { commit: 'commit' },
  })
  expect(started).toBe(4)
  sandboxes.assertClean()
})

test('runAttempt() lets go of the mirror when the end of its phase cannot be written', async () => {
  const { deps, stop, disposed, log } = story()
  const stale = new DrydockError('stale-fence', 'Cannot write: cancelled meanwhile')
  const record = () => {
    throw stale
  }
  const phases = createPhases({ log, record, signal: stop.signal })
  await expect(runAttempt(aJob(), { ...deps, phases }, stop)).rejects.toBe(stale)
  expect(disposed()).toBe(1)
})

test('runAttempt() lets go of a mirror that opens after the attempt was stopped', async () => {
  const { deps, stop, disposed } = story()
  let open: (view: MirrorView) => void = () => undefined
  const late = { ...deps, openMirror: () => new Promise<MirrorView>((resolve) => (open = resolve)) }
  const run = runAttempt(aJob(), late, stop)
  stop.stop({ kind: 'cancelled' })
  await expect(run).rejects.toMatchObject({ because: { kind: 'cancelled' } })
  open(await deps.openMirror(aJob(), stop.signal))
  await new Promise((resolve) => setImmediate(resolve))
  expect(disposed()).toBe(1)
})

test('runAttempt() lets no progress of an image end the server when the log refuses it', async () => {
  const { deps, stop, log } = story()
  const broken: EventLog = {
    ...log,
    write: async (phase, kind, payload) => {
      if (payload['message'] === 'step 1') throw new Error('disk full')
      await log.write(phase, kind, payload)
    },
  }
  const unhandled: unknown[] = []
  const note = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', note)
  try {
    const resolveImage: RunAttemptDeps['resolveImage'] = async (name, onProgress) => {
      onProgress('step 1')
      await new Promise((resolve) => setTimeout(resolve, 10))
      return { ref: name, digest: 'sha256:1' }
    }
    await runAttempt(aJob(), { ...deps, log: broken, resolveImage }, stop)
    expect(unhandled).toEqual([])
  } finally {
    process.off('unhandledRejection', note)
  }
})

test('runAttempt() lists a bounded number of flagged files and says how many more there are', async () => {
  const flagged = Array.from({ length: 100_000 }, (_, i) => ({ path: `.github/workflows/${i}.yml`, why: 'a workflow' }))
  const { deps, stop } = story({}, { ...CHANGE, flagged })
  const { change } = await runAttempt(aJob(), deps, stop)
  expect(change?.flagged).toHaveLength(200)
  expect(change?.flagged.at(-1)).toEqual({ path: '…', why: 'and 99801 more files like these' })
})
