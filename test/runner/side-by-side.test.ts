import { expect, test } from 'vitest'
import type { OtherRepository } from '../../domain/environments/repositories.ts'
import type { MirrorView } from '../../forge/mirrors.ts'
import type { EarlierTurn } from '../../runner/earlier-turn.ts'
import { runAttempt } from '../../runner/run-attempt.ts'
import type { FakeScript } from '../../runner/sandbox/fake.ts'
import { placed } from '../../runner/workspace/workspace.ts'
import { Policy } from '../../sandbox-policy/policy.ts'
import { aJob } from '../support/job.ts'
import { aPlan } from '../support/networks.ts'
import { CHANGE, HEAD, story } from '../support/story.ts'

const WEB: OtherRepository = { id: 'repo2', forge: 'git', address: '/srv/web.git', name: 'web' }
const WEB_HEAD = 'b'.repeat(40)
const EMPTY = { ...CHANGE, stats: { files: 0, additions: 0, deletions: 0 }, patch: Buffer.alloc(0) }
const several = (parts: Parameters<typeof aJob>[0] = {}) =>
  aJob({ ...parts, environment: { repositories: [WEB], ...parts.environment } })

/** A story whose second repository has another mirror. */
function world(script: FakeScript = {}) {
  const made = story(script)
  const checkedOut: { folder: string; commit: string }[] = []
  const first = made.deps.openMirror
  made.deps.openMirror = async (of, signal): Promise<MirrorView> => {
    const view = await first(of, signal)
    if (of.repository.address !== WEB.address) return view
    return { ...view, objects: '/mirror-of-web', refs: [{ name: 'refs/heads/main', commit: WEB_HEAD }] }
  }
  made.deps.checkOut = async ({ base, at }) => {
    checkedOut.push({ folder: at?.workspace ?? '', commit: base.commit })
    return { state: '', lines: [] }
  }
  return { ...made, checkedOut }
}

test('placed() leaves an only repository at /workspace', () => {
  const [only, ...others] = placed({ id: 'r', forge: 'git', address: '/srv/.odd' }, [])
  expect(only.at).toEqual({ workspace: '/workspace', gitDir: '/drydock/git', mirrorObjects: '/mirror/objects' })
  expect(others).toEqual([])
})

test('runAttempt() checks several repositories out side by side, each with its own mirror, and lets go of all', async () => {
  const { deps, stop, sandboxes, checkedOut, disposed } = world()
  const { changes } = await runAttempt(several({ task: { branch: null } }), deps, stop)
  expect(checkedOut).toEqual([
    { folder: '/workspace/repo', commit: HEAD },
    { folder: '/workspace/web', commit: WEB_HEAD },
  ])
  expect(sandboxes.made[0]?.spec.mounts).toMatchObject([
    { host: '/mirror', target: '/mirror/objects' },
    { host: '/mirror-of-web', target: '/mirror/others/web' },
  ])
  expect(changes).toMatchObject([
    { name: 'repo', repository: { id: 'repo1' }, baseCommit: HEAD, commit: 'commit', publish: { state: 'none' } },
    { name: 'web', repository: { id: 'repo2' }, baseCommit: WEB_HEAD, commit: 'commit', publish: { state: 'none' } },
  ])
  expect(disposed()).toBe(2)
})

test("runAttempt() checks the task's branch out of the first repository and the default branch of the others", async () => {
  const { deps, stop } = world()
  const failed = runAttempt(several({ task: { branch: 'nope' } }), deps, stop)
  await expect(failed).rejects.toMatchObject({
    reason: 'branch-not-found',
    message: 'Cannot check out branch "nope": the repository "repo" has no such branch',
  })
})

test('runAttempt() commits only the repositories in which something was changed', async () => {
  const { deps, stop } = world()
  deps.collect = async ({ at }) => (at?.name === 'web' ? CHANGE : EMPTY)
  const { change, changes } = await runAttempt(several({ environment: { publish: 'branch' } }), deps, stop)
  expect(change).toMatchObject({ commit: null, stats: { files: 0 } })
  expect(changes).toMatchObject([
    { name: 'repo', commit: null, publish: { state: 'none' } },
    { name: 'web', commit: 'commit', publish: { state: 'pending' } },
  ])
})

test('runAttempt() holds the publishing of the repository whose files are flagged, and of no other', async () => {
  const { deps, stop } = world()
  const flagged = [{ path: '.github/workflows/x.yml', why: 'a workflow' }]
  deps.collect = async ({ at }) => (at?.name === 'web' ? { ...CHANGE, flagged } : CHANGE)
  const { changes } = await runAttempt(several({ environment: { publish: 'branch' } }), deps, stop)
  expect(changes).toMatchObject([
    { publish: { state: 'pending', reason: null } },
    { publish: { state: 'held', reason: 'flagged-files' }, flagged },
  ])
})

test('runAttempt() keeps the changes of all repositories when the agent fails', async () => {
  const isAgent = (command: readonly string[]) => command.join(' ').includes('/agent-home/')
  const { deps, stop } = world({ exec: ({ spec }) => ({ code: isAgent(spec.command) ? 3 : 0 }) })
  deps.collect = async ({ at }) => (at?.name === 'web' ? CHANGE : EMPTY)
  await expect(runAttempt(several(), deps, stop)).rejects.toMatchObject({
    reason: 'agent-exited',
    kept: { stats: { files: 0 }, changes: [{ name: 'repo' }, { name: 'web', commit: null, patch: CHANGE.patch }] },
  })
})

test('runAttempt() says of each repository how many more flagged files there are than it lists', async () => {
  const { deps, stop } = world()
  const flagged = Array.from({ length: 1000 }, (_, i) => ({ path: `.github/workflows/${i}.yml`, why: 'a workflow' }))
  deps.collect = async () => ({ ...CHANGE, flagged })
  const { changes = [] } = await runAttempt(several(), deps, stop)
  for (const change of changes) {
    expect(change.flagged).toHaveLength(100)
    expect(change.flagged.at(-1)?.why).toContain('901 more')
  }
  expect(changes).toHaveLength(2)
})

test('runAttempt() serves every repository to the agent under the name of its folder', async () => {
  const { deps, stop, networks } = world()
  deps.plan = aPlan({ setup: undefined, agent: { policy: Policy.parse({ preset: 'common' }) } })
  deps.serveView = async (_view, name) => ({ folder: `/served/${name}`, remove: async () => undefined })
  await runAttempt(several(), deps, stop)
  expect(networks.made[0]?.grants.at(-1)?.repositories).toEqual({ repo: '/served/repo', web: '/served/web' })
})

test('runAttempt() takes no sandbox that waits for several repositories', async () => {
  const { deps, stop } = world()
  let asked = 0
  deps.warm.want = () => {
    asked++
    return false
  }
  await runAttempt(several(), deps, stop)
  expect(asked).toBe(0)
  await runAttempt(aJob(), deps, stop)
  expect(asked).toBe(1)
})

const BEFORE = 'd'.repeat(40)
const left = (id: string, patch: string) => ({
  name: id,
  repositoryId: id,
  baseCommit: BEFORE,
  patch: Buffer.from(patch),
})
const earlier = (changes: EarlierTurn['changes']): EarlierTurn => ({
  repositoryId: 'repo1',
  baseCommit: BEFORE,
  patch: Buffer.from('first'),
  changes,
})

/** The patches that a follow-up applies, by the folder. */
async function applied(turn: EarlierTurn, job: ReturnType<typeof aJob>) {
  const seen: [string, string][] = []
  const { deps, stop, checkedOut } = world()
  const create = deps.createSandbox
  deps.createSandbox = (spec) => {
    const sandbox = create(spec)
    const exec = sandbox.exec.bind(sandbox)
    sandbox.exec = (input, signal) => {
      const { stdin, env } = input
      if (stdin instanceof Uint8Array) {
        seen.push([env?.['DRYDOCK_WORKSPACE'] ?? '', Buffer.from(stdin).toString()])
      }
      return exec(input, signal)
    }
    return sandbox
  }
  deps.earlierTurn = async () => turn
  await runAttempt(job, deps, stop)
  return { seen, commits: checkedOut.map(({ commit }) => commit) }
}

test('a follow-up starts each repository where the turn before did, with the change that it left there', async () => {
  const turn = earlier([left('repo1', 'first'), left('repo2', 'second')])
  expect(await applied(turn, several({ turn: { n: 2 } }))).toEqual({
    commits: [BEFORE, BEFORE],
    seen: [
      ['/workspace/repo', 'first'],
      ['/workspace/web', 'second'],
    ],
  })
})

test('a follow-up goes on in an environment that was given another repository since', async () => {
  expect(await applied(earlier([]), several({ turn: { n: 2 } }))).toEqual({
    commits: [BEFORE, WEB_HEAD],
    seen: [['/workspace/repo', 'first']],
  })
})

test('a follow-up refuses to lose the change of a repository that the environment does not have any more', async () => {
  const turn = earlier([left('repo1', 'first'), left('repo2', 'second')])
  await expect(applied(turn, aJob({ turn: { n: 2 } }))).rejects.toMatchObject({
    reason: 'checkout-failed',
    message: expect.stringContaining('does not have any more'),
  })
  const unchanged = earlier([left('repo1', 'first'), left('repo2', '')])
  expect((await applied(unchanged, aJob({ turn: { n: 2 } }))).seen).toEqual([['/workspace', 'first']])
})
