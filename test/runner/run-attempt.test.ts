import { expect, test } from 'vitest'
import { DrydockError } from '../../domain/errors.ts'
import type { PhaseTiming } from '../../domain/tasks/attempt.ts'
import type { StartRecord } from '../../domain/tasks/start.ts'
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

const HIT = { cache: 'hit' as const, reason: 'made 1 s ago', snapshot: 'drydock/snapshot:1' }
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
    imageId: async () => 'sha256:1',
    readImages: async () => undefined,
    keepSession: async () => undefined,
    earlierTurn: async () => undefined,
    earlierSession: async () => undefined,
    restoreSession: async () => undefined,
    createSandbox: sandboxes.create,
    phases: createPhases({ log, record: (timing) => void timings.push(timing), signal: stop.signal }),
    resolveImage: async (name) => ({ ref: `drydock/${name}:1`, digest: 'sha256:1' }),
    cache: { use: () => Promise.reject(new Error('nothing is set up here')) },
    recordStart: async () => undefined,
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

test('runAttempt() starts from the snapshot of its set-up, holds it until the end, and notes why it is this one', async () => {
  const { deps, stop, sandboxes } = story()
  const starts: StartRecord[] = []
  deps.recordStart = async (start) => void starts.push(start)
  const asked: unknown[] = []
  let released = 0
  deps.cache = {
    use: async (wish) => {
      asked.push({ image: wish.image.digest, attempt: wish.attempt.id, repository: wish.repository.address })
      return { ref: 'drydock/snapshot:1', key: 'k', start: HIT, release: () => void released++ }
    },
  }
  deps.collect = async () => {
    expect(released).toBe(0)
    return CHANGE
  }
  await runAttempt(aJob({ environment: { setupScript: 'npm ci' } }), deps, stop)
  expect(asked).toEqual([{ image: 'sha256:1', attempt: 'attempt1', repository: '/srv/repo' }])
  expect(sandboxes.made.map(({ spec }) => spec.image)).toEqual(['drydock/snapshot:1'])
  expect(starts).toEqual([{ ...HIT, sandbox: 'cold' }])
  expect(released).toBe(1)
})

test('runAttempt() says that nothing is set up where there is no script', async () => {
  const { deps, stop } = story()
  const starts: StartRecord[] = []
  deps.recordStart = async (start) => void starts.push(start)
  await runAttempt(aJob(), deps, stop)
  expect(starts).toEqual([{ cache: 'none', reason: 'the environment has no set-up script', sandbox: 'cold' }])
})

test('runAttempt() fails with what its set-up failed for and starts no agent', async () => {
  const { deps, stop, sandboxes } = story()
  deps.cache = { use: () => Promise.reject(new AttemptFailure('setup-failed', 'Cannot set up')) }
  const failed = runAttempt(aJob({ environment: { setupScript: 'false' } }), deps, stop)
  await expect(failed).rejects.toMatchObject({ reason: 'setup-failed' })
  expect(sandboxes.made).toHaveLength(0)
})

test('runAttempt() keeps its result when the sandbox cannot be removed, and says what it left', async () => {
  const gone = new Error('the engine went away')
  const { deps, stop, leftovers } = story({ destroy: () => Promise.reject(gone) })
  expect(await runAttempt(aJob(), deps, stop)).toMatchObject({ change: { commit: 'commit' } })
  expect(leftovers).toEqual([gone])
})

test('runAttempt() ends only when a set-up that it was cancelled in has ended, too', async () => {
  const { deps, stop } = story()
  const order: string[] = []
  deps.cache = {
    use: async (_wish, _follower, signal) => {
      stop.stop({ kind: 'cancelled' })
      await new Promise((resolve) => setImmediate(resolve))
      order.push('set-up is gone')
      signal.throwIfAborted()
      throw new Error('was not stopped')
    },
  }
  const run = runAttempt(aJob({ environment: { setupScript: 'sleep 600' } }), deps, stop)
  await expect(run).rejects.toMatchObject({ because: { kind: 'cancelled' } })
  expect([...order, 'attempt has ended']).toEqual(['set-up is gone', 'attempt has ended'])
})

test('runAttempt() asks for a snapshot again when it is removed before the sandbox starts', async () => {
  let started = 0
  const gone = new AttemptFailure('image-unavailable', 'Cannot start a sandbox: the engine has no such image')
  const { deps, stop, sandboxes } = story({
    start: () => {
      if (++started === 1) throw gone
    },
  })
  let asked = 0
  deps.cache = {
    use: async () => ({ ref: `drydock/snapshot:${++asked}`, key: 'k', start: HIT, release: () => undefined }),
  }
  expect(await runAttempt(aJob({ environment: { setupScript: 'npm ci' } }), deps, stop)).toMatchObject({
    change: { commit: 'commit' },
  })
  expect(sandboxes.made.map(({ spec }) => spec.image)).toEqual(['drydock/snapshot:1', 'drydock/snapshot:2'])
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

test('runAttempt() gives secrets to set-up, to maintenance on the default branch, and to nothing else', async () => {
  const holders = async (branch: string) => {
    const seen: string[] = []
    const { deps, stop } = story({
      exec: ({ spec }) => {
        if (JSON.stringify(spec).includes('s3cr3t-value')) seen.push(spec.env?.['DRYDOCK_F0'] ?? spec.command.join(' '))
        if (spec.env?.['TOKEN'] !== undefined)
          expect(spec).toMatchObject({ user: 'root', env: { TOKEN: 's3cr3t-value' } })
        return { code: 0 }
      },
    })
    const view = await deps.openMirror(aJob(), stop.signal)
    deps.openMirror = async () => ({ ...view, refs: [...view.refs, { name: 'refs/heads/other', commit: HEAD }] })
    deps.setupSecrets = [{ name: 'TOKEN', value: 's3cr3t-value', version: 1 }]
    const environment = { setupScript: 'set-up', maintenanceScript: 'maintenance' }
    return runAttempt(aJob({ environment, task: { branch } }), deps, stop).then(() => seen)
  }
  expect(await holders('main')).toEqual(['set-up', 'maintenance'])
  expect(await holders('other')).toEqual(['set-up'])
})

test('runAttempt() flags the files of a change that hold a secret', async () => {
  const { deps, stop } = story()
  deps.findSecrets = async (patch) => [{ path: patch.toString(), why: 'a secret' }]
  expect((await runAttempt(aJob(), deps, stop)).change?.flagged).toEqual([{ path: 'patch', why: 'a secret' }])
})
