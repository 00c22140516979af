import { expect, test } from 'vitest'
import type { StartRecord } from '../../domain/tasks/start.ts'
import { AttemptFailure } from '../../runner/failure.ts'
import { runAttempt } from '../../runner/run-attempt.ts'
import { aJob } from '../support/job.ts'
import { CHANGE, HEAD, story } from '../support/story.ts'

const HIT = { cache: 'hit' as const, reason: 'made 1 s ago', snapshot: 'drydock/snapshot:1' }

test('runAttempt() starts from the snapshot of its set-up, holds it until the end, and notes why it is this one', async () => {
  const { deps, stop, sandboxes } = story()
  const starts: StartRecord[] = []
  deps.recordStart = (start) => void starts.push(start)
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
  deps.recordStart = (start) => void starts.push(start)
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

test('runAttempt() gives secrets to maintenance on the default branch, and to nothing else', async () => {
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
    deps.cache = { use: async () => ({ ref: 'drydock/snapshot:1', key: 'k', start: HIT, release: () => undefined }) }
    deps.setupSecrets = [{ name: 'TOKEN', value: 's3cr3t-value' }]
    const environment = { setupScript: 'set-up', maintenanceScript: 'maintenance' }
    return runAttempt(aJob({ environment, task: { branch } }), deps, stop).then(() => seen)
  }
  expect(await holders('main')).toEqual(['maintenance'])
  expect(await holders('other')).toEqual([])
})
