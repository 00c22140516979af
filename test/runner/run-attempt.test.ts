import { expect, test } from 'vitest'
import { DrydockError } from '../../domain/errors.ts'
import type { MirrorView } from '../../forge/mirrors.ts'
import type { EventLog } from '../../runner/event-log.ts'
import { AttemptFailure } from '../../runner/failure.ts'
import { createPhases } from '../../runner/phases.ts'
import { runAttempt } from '../../runner/run-attempt.ts'
import type { RunAttemptDeps } from '../../runner/run-attempt.ts'
import { aJob } from '../support/job.ts'
import { CHANGE, story } from '../support/story.ts'

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

const KEPT = { patch: CHANGE.patch, stats: CHANGE.stats }
const never = () => new Promise<never>(() => undefined)

test('runAttempt() names the limit that killed the agent, and keeps what it changed until then', async () => {
  const { deps, stop, sandboxes, entered } = story({
    exec: ({ spec }) => {
      if (!isAgent(spec.command)) return { code: 0 }
      sandboxes.made[0]?.breach('out-of-memory')
      return { code: 137 }
    },
  })
  await expect(runAttempt(aJob(), deps, stop)).rejects.toMatchObject({ reason: 'out-of-memory', kept: KEPT })
  expect(entered).toEqual(['running', 'collecting'])
  sandboxes.assertClean()
})

test.each(['out-of-memory', 'disk-full', 'too-many-processes'] as const)(
  'runAttempt() ends an agent that breaks %s at once, and keeps what it changed',
  async (breach) => {
    const { deps, stop, sandboxes } = story({
      exec: ({ spec }) => {
        if (!isAgent(spec.command)) return { code: 0 }
        setImmediate(() => sandboxes.made[0]?.breach(breach))
        return never()
      },
    })
    await expect(runAttempt(aJob(), deps, stop)).rejects.toMatchObject({ reason: breach, kept: KEPT })
    // Before anything else, and without asking it to end.
    const calls = sandboxes.made[0]?.calls ?? []
    expect(calls[calls.findIndex((call) => call.includes('/agent-home/')) + 1]).toBe('killAll')
    sandboxes.assertClean()
  },
)

const tooLong = new AttemptFailure('timed-out:total', 'Cannot finish the attempt')

test('runAttempt() keeps what the agent changed until the whole attempt took too long', async () => {
  const { deps, stop } = story({
    exec: ({ spec }) => {
      if (!isAgent(spec.command)) return { code: 0 }
      stop.stop({ kind: 'failed', failure: tooLong })
      return never()
    },
  })
  await expect(runAttempt(aJob(), deps, stop)).rejects.toMatchObject({ reason: 'timed-out:total', kept: KEPT })
})

test('runAttempt() reports the limit also when the sandbox broke with it and nothing can be collected', async () => {
  const { deps, stop, sandboxes } = story({
    exec: ({ spec }) => {
      if (!isAgent(spec.command)) return { code: 0 }
      sandboxes.made[0]?.breach('out-of-memory')
      return { code: 137 }
    },
  })
  deps.collect = () => Promise.reject(new DrydockError('internal', 'Cannot run a command: the container is gone'))
  const failed = await runAttempt(aJob(), deps, stop).catch((error: unknown) => error)
  expect(failed).toMatchObject({ reason: 'out-of-memory', kept: undefined })
})

test('runAttempt() finishes a change whose collecting began before a limit was reached', async () => {
  const { deps, stop, sandboxes } = story()
  deps.collect = async () => {
    stop.stop({ kind: 'failed', failure: tooLong })
    sandboxes.made[0]?.breach('disk-full')
    return CHANGE
  }
  expect(await runAttempt(aJob(), deps, stop)).toMatchObject({ change: { commit: 'commit' } })
})

test('runAttempt() stops collecting what a limit left when it is cancelled', async () => {
  const { deps, stop, sandboxes } = story({
    exec: ({ spec }) => {
      if (isAgent(spec.command)) sandboxes.made[0]?.breach('disk-full')
      return { code: isAgent(spec.command) ? 1 : 0 }
    },
  })
  deps.collect = () => {
    stop.stop({ kind: 'cancelled' })
    return never()
  }
  await expect(runAttempt(aJob(), deps, stop)).rejects.toMatchObject({ because: { kind: 'cancelled' } })
  sandboxes.assertClean()
})

test('runAttempt() stops at once for a limit before the agent runs: there is nothing to keep', async () => {
  const { deps, stop, sandboxes, entered } = story({
    start: () => {
      sandboxes.made[0]?.breach('disk-full')
      return never()
    },
  })
  await expect(runAttempt(aJob(), deps, stop)).rejects.toThrow()
  expect(stop.cause).toMatchObject({ kind: 'failed', failure: { reason: 'disk-full' } })
  expect(entered).toEqual([])
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

test('runAttempt() keeps its result when the sandbox cannot be removed, and says what it left', async () => {
  const gone = new Error('the engine went away')
  const { deps, stop, leftovers } = story({ destroy: () => Promise.reject(gone) })
  expect(await runAttempt(aJob(), deps, stop)).toMatchObject({ change: { commit: 'commit' } })
  expect(leftovers).toEqual([gone])
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

test('runAttempt() flags the files of a change that hold a secret', async () => {
  const { deps, stop } = story()
  deps.findSecrets = async (patch) => [{ path: patch.toString(), why: 'a secret' }]
  expect((await runAttempt(aJob(), deps, stop)).change?.flagged).toEqual([{ path: 'patch', why: 'a secret' }])
})
