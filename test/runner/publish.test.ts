import { expect, test } from 'vitest'
import { DrydockError } from '../../domain/errors.ts'
import type { PublishedBefore } from '../../domain/tasks/published-before.ts'
import type { Forge } from '../../forge/forge.ts'
import type { MirrorView, PushInput, PushResult } from '../../forge/mirrors.ts'
import { MAX_TRIES, nextTry } from '../../runner/publish/next-try.ts'
import { publishAttempt } from '../../runner/publish/publish.ts'
import type { PublishDeps } from '../../runner/publish/publish.ts'
import { pullRequestBodyOf } from '../../runner/publish/pull-request-body.ts'
import { aJob } from '../support/job.ts'

const { signal } = new AbortController()
const READY = {
  ...{ commit: 'c0ffee', branch: 'drydock/say-hello-1', tree: 'tree2' },
  publishMode: 'pull-request' as const,
}
/** What the turn before has published. */
const BEFORE = { branch: 'drydock/say-hello-0', commit: 'c'.repeat(40), tree: 'tree1', isPast: false }
const GITHUB = { forge: 'github' as const, address: 'acme/app' }
const stale = new DrydockError('stale-fence', 'Cannot write: another runner has it')

type Script = {
  push?: PushResult | Error
  lookUp?: Error
  open?: Error
  /** Which of the confirmations fails. */
  staleAt?: number
  plain?: boolean
  refused?: Error
  before?: PublishedBefore
  /** The branches of the remote. */
  branches?: string[]
}

/** A forge and a mirror that note what is done to them, in order. */
function scripted(script: Script = {}) {
  const {
    push = { kind: 'pushed' },
    lookUp,
    open,
    staleAt,
    plain,
    refused,
    before,
    branches = [BEFORE.branch],
  } = script
  const done: string[] = []
  const pushes: PushInput[] = []
  const heads: string[] = []
  let confirmed = 0
  const view: MirrorView = {
    objects: '/objects',
    store: '/store',
    refs: branches.map((name) => ({ name: `refs/heads/${name}`, commit: BEFORE.commit })),
    defaultBranch: 'trunk',
    [Symbol.asyncDispose]: async () => void done.push('let go'),
  }
  const forge: Forge = {
    host: 'github.test',
    account: () => Promise.reject(new Error('nobody asks')),
    pushRight: () => Promise.reject(new Error('nobody asks')),
    async lookUp() {
      done.push('look up')
      if (lookUp) throw lookUp
      return { defaultBranch: 'trunk', canPush: true, cloneUrl: '' }
    },
    async openPullRequest(_, { base, head }) {
      done.push(`open on ${base}`)
      heads.push(head)
      if (open) throw open
      return { number: 7, url: 'https://github.test/acme/app/pull/7' }
    },
  }
  const deps: PublishDeps = {
    forge: plain ? undefined : forge,
    publisher: async () => {
      if (refused) throw refused
      return 'unlinked'
    },
    remoteOf: async ({ forge: kind, address }) => ({ forge: kind, address }),
    pullRequestBody: async () => 'body',
    publishedBefore: async () => before,
    commitOn: async (_, parent) => `on ${parent}`,
    confirmHeld: async () => {
      done.push('confirm')
      if (++confirmed === staleAt) throw stale
    },
    mirrors: {
      open: async () => view,
      hold: async () => view,
      async push(_view, _remote, input) {
        done.push('push')
        pushes.push(input)
        if (push instanceof Error) throw push
        return push
      },
    },
  }
  return { deps, done, pushes, heads }
}

const publish = (script: Script = {}, parts: Parameters<typeof aJob>[0] = {}) => {
  const { deps, ...seen } = scripted(script)
  const job = aJob({ repository: GITHUB, ...parts, attempt: { ...READY, ...parts?.attempt } })
  return { ...seen, result: publishAttempt(job, deps, signal) }
}

test('publishAttempt() confirms right before the push and right before the pull request', async () => {
  const { done, result } = publish()
  expect(await result).toMatchObject({ outcome: { state: 'published', pullRequest: { number: 7 } } })
  expect(done).toEqual(['look up', 'confirm', 'push', 'let go', 'confirm', 'open on trunk'])
})

test.each([
  [1, ['look up', 'confirm', 'let go']],
  [2, ['look up', 'confirm', 'push', 'let go', 'confirm']],
])('publishAttempt() leaves no trace after confirmation %i fails', async (staleAt, expected) => {
  const { done, result } = publish({ staleAt })
  await expect(result).rejects.toBe(stale)
  expect(done).toEqual(expected)
})

test.each([
  [
    'the branch of the task',
    { task: { branch: 'release' }, repository: { ...GITHUB, defaultBranch: 'dev' } },
    'release',
  ],
  ['the branch of the repository', { repository: { ...GITHUB, defaultBranch: 'dev' } }, 'dev'],
])('publishAttempt() opens on what the attempt started from: %s', async (_, parts, base) => {
  const { done, result } = publish({}, parts)
  await result
  expect(done.at(-1)).toBe(`open on ${base}`)
})

test('publishAttempt() opens none for a branch, and none on a plain remote', async () => {
  const branch = publish({}, { attempt: { publishMode: 'branch' } })
  expect(await branch.result).toMatchObject({ outcome: { state: 'published' } })
  const plain = publish({ plain: true })
  expect(await plain.result).toMatchObject({ outcome: { state: 'published' } })
  for (const { done } of [branch, plain]) expect(done).toEqual(['confirm', 'push', 'let go'])
})

test('publishAttempt() goes on with the branch of the turn before, with a commit on top, and its pull request', async () => {
  const { pushes, heads, result } = publish({ before: BEFORE })
  const place = { branch: BEFORE.branch, commit: `on ${BEFORE.commit}` }
  expect(await result).toMatchObject({ outcome: { state: 'published', ...place, pullRequest: { number: 7 } } })
  expect(pushes).toEqual([{ ...place, replaces: BEFORE.commit }])
  expect(heads).toEqual([BEFORE.branch])
})

test('publishAttempt() makes no commit where the turn before left the same tree', async () => {
  const { pushes, result } = publish({ before: { ...BEFORE, tree: READY.tree } })
  expect(await result).toMatchObject({ outcome: { state: 'published', commit: BEFORE.commit } })
  expect(pushes).toMatchObject([{ commit: BEFORE.commit }])
})

test('publishAttempt() makes a branch of its own where that of the turn before is gone', async () => {
  const { pushes, result } = publish({ before: BEFORE, branches: ['main'] })
  expect(await result).toMatchObject({ outcome: { state: 'published', branch: READY.branch, commit: READY.commit } })
  expect(pushes).toEqual([{ branch: READY.branch, commit: READY.commit }])
})

test('publishAttempt() pushes nothing over a later turn', async () => {
  const { pushes, result } = publish({ before: { ...BEFORE, isPast: true } })
  expect(await result).toMatchObject({ outcome: { state: 'failed', reason: 'superseded' } })
  expect(pushes).toEqual([])
})

test('publishAttempt() touches nothing for who may not publish, and waits for a forge that does not say', async () => {
  const refused = new DrydockError(
    'push-refused',
    'Cannot publish to acme/app: github.test does not let "ada" push there',
  )
  const denied = publish({ refused })
  expect(await denied.result).toMatchObject({
    outcome: { state: 'failed', reason: 'push-refused', message: refused.message },
  })
  const away = publish({ refused: new DrydockError('forge-unavailable', 'Away.') })
  expect(await away.result).toEqual({ busy: { code: 'forge-unavailable', reason: 'Away.' } })
  for (const { done } of [denied, away]) expect(done).toEqual([])
})

test('publishAttempt() says where it was published, and as whom', async () => {
  expect(await publish().result).toMatchObject({ placed: { repository: 'acme/app', onForge: 'unlinked' } })
})

const auth = new DrydockError('repository-auth', 'Cannot open it: the token may not.')
test.each<[string, Script, { reason: string; message: RegExp }]>([
  ['taken', { push: { kind: 'taken', at: 'f'.repeat(40) } }, { reason: 'branch-taken', message: /\(f{10}\)/ }],
  [
    'moved',
    { push: { kind: 'taken', at: 'f'.repeat(40) }, before: BEFORE },
    { reason: 'branch-moved', message: /-0": somebody .* at f{10}, not at c{10}\).*publish again\.$/ },
  ],
  ['rejected', { push: { kind: 'rejected', message: 'GH006' } }, { reason: 'push-rejected', message: /it: GH006$/ }],
  ['refused at the look-up', { lookUp: auth }, { reason: 'repository-auth', message: /may not\.$/ }],
  ['refused after the push', { open: auth }, { reason: 'repository-auth', message: /hello-1" is pushed\.$/ }],
])('publishAttempt() ends as failed when it is %s', async (_, script, { reason, message }) => {
  const outcome = { state: 'failed', reason, message: expect.stringMatching(message) as string }
  expect(await publish(script).result).toMatchObject({ outcome })
})

test('publishAttempt() reports a busy forge with the time it asked for, and passes our own faults on', async () => {
  const limit = new DrydockError('rate-limited', 'Limited.', { cause: { retryAfterMs: 61_000 } })
  expect(await publish({ open: limit }).result).toEqual({
    busy: { code: 'rate-limited', reason: expect.stringMatching(/^Limited\. The branch/) as string, delayMs: 61_000 },
  })
  const away = new DrydockError('forge-unavailable', 'Away.')
  expect(await publish({ push: away }).result).toEqual({ busy: { code: 'forge-unavailable', reason: 'Away.' } })
  await expect(publish({ push: new TypeError('ours') }).result).rejects.toThrow('ours')
})

test('nextTry() doubles up to an hour, waits as asked, and gives up after most of a day', () => {
  const now = Date.parse('2026-01-01T00:00:00.500Z')
  const busy = { code: 'rate-limited', reason: 'Cannot push: busy. Try again then.' }
  const delays = Array.from({ length: MAX_TRIES - 1 }, (_, i) => nextTry(busy, i + 1, now)).map((next) =>
    'delayMs' in next ? next.delayMs / 1000 : Number.NaN,
  )
  expect(delays.slice(0, 8)).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600])
  const total = delays.reduce((sum, each) => sum + each, 0) / 3600
  expect(total).toBeGreaterThan(12)
  expect(total).toBeLessThan(24)
  expect(nextTry(busy, 0, now)).toEqual({
    delayMs: 30_000,
    reason: 'Cannot push: busy. Drydock tries again at 2026-01-01T00:00:30Z.',
  })
  expect(nextTry({ ...busy, delayMs: 90_000 }, 1, now)).toMatchObject({ delayMs: 90_000 })
  expect(nextTry({ ...busy, delayMs: 1e9 }, 1, now)).toMatchObject({ delayMs: 3_600_000 })
  const message = `Cannot push: busy. Drydock tried ${MAX_TRIES} times and gave up; publish again when that has changed.`
  expect(nextTry(busy, MAX_TRIES, now)).toEqual({ failed: { state: 'failed', reason: 'rate-limited', message } })
})

test('pullRequestBodyOf() has prompt, summary, link and flagged files, or does without', () => {
  const flagged = [{ path: 'Makefile', why: 'build' }]
  const body = pullRequestBodyOf(aJob({ attempt: { flagged } }), {
    summary: 'Done.',
    taskUrl: 'https://d.test/tasks/1',
  })
  for (const part of ['echo hello', 'Done.', 'https://d.test/tasks/1', 'Makefile']) expect(body).toContain(part)
  const bare = pullRequestBodyOf(aJob(), { summary: undefined, taskUrl: undefined })
  for (const part of ['Summary', 'Task', 'first']) expect(bare).not.toContain(part)
})
