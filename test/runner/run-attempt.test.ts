import { expect, test } from 'vitest'
import { DrydockError } from '../../domain/errors.ts'
import type { MirrorView } from '../../forge/mirrors.ts'
import type { EventLog } from '../../runner/event-log.ts'
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
