import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createGitHub, linkingGitHub } from '../../forge/github.ts'
import type { Forge } from '../../forge/forge.ts'
import { startFakeGitHub } from '../support/fake-github/fake-github.ts'
import type { FakeGitHub } from '../support/fake-github/fake-github.ts'
import { git, makeOrigin, temporaryFolder } from '../support/git-fixture.ts'
import type { Folder } from '../support/git-fixture.ts'

// Many git processes each, beside other tests on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

const { signal } = new AbortController()
const input = { head: 'drydock/x-1', base: 'main', title: 'X', body: 'body' }
let folder: Folder
let fake: FakeGitHub
let forge: Forge
let waits: number[]

beforeEach(async () => {
  folder = temporaryFolder()
  fake = await startFakeGitHub(folder.path)
  fake.addToken('good', 'ada')
  fake.addToken('reader', 'bob')
  const repository = fake.addRepository('acme/app', { writers: ['ada'] })
  const { work, commit } = makeOrigin(folder.path)
  git(work, 'push', '-q', repository.path, 'HEAD:main')
  commit({ a: 'a' })
  git(work, 'push', '-q', repository.path, 'HEAD:drydock/x-1')
  waits = []
  forge = client('good')
})
afterEach(async () => {
  expect(fake.violations).toEqual([])
  await fake[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

function client(token: string): Forge {
  const delay = async (ms: number) => void waits.push(ms)
  return createGitHub({ token, baseUrl: fake.apiUrl, now: () => 1_000_000_000_000, delay })
}

test('lookUp() gives default branch, push right and clone URL', async () => {
  const cloneUrl = `${fake.webUrl}/acme/app.git`
  expect(await forge.lookUp('acme/app', signal)).toEqual({ defaultBranch: 'main', canPush: true, cloneUrl })
  expect(await client('reader').lookUp('acme/app', signal)).toMatchObject({ canPush: false })
})

test.each([
  ['bad', 'acme/app', 'repository-auth'],
  ['good', 'acme/none', 'repository-not-found'],
  ['good', '../app', 'repository-refused'],
  ['good', 'acme/app/pulls', 'repository-refused'],
])('lookUp() with token %s of %s rejects with %s', async (token, name, code) => {
  await expect(client(token).lookUp(name, signal)).rejects.toMatchObject({ code })
})

test('lookUp() retries a broken connection and 5xx, then gives up', async () => {
  fake.fault({ path: /repos/, drop: 'before' })
  fake.fault({ path: /repos/, status: 502 })
  expect(await forge.lookUp('acme/app', signal)).toMatchObject({ defaultBranch: 'main' })
  expect(waits).toEqual([500, 1000])
  fake.fault({ path: /repos/, status: 503, times: 9 })
  await expect(forge.lookUp('acme/app', signal)).rejects.toMatchObject({ code: 'forge-unavailable' })
})

test('lookUp() waits as long as a limit says, and reports a long one', async () => {
  fake.fault({ path: /repos/, status: 403, headers: { 'retry-after': '7' }, body: { message: 'secondary rate limit' } })
  fake.fault({
    path: /repos/,
    status: 429,
    headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1000000011' },
  })
  await forge.lookUp('acme/app', signal)
  expect(waits).toEqual([7000, 11_000])
  fake.fault({ path: /repos/, status: 429, headers: { 'retry-after': '600' } })
  const rejection = { code: 'rate-limited', cause: { retryAfterMs: 600_000 } }
  await expect(forge.lookUp('acme/app', signal)).rejects.toMatchObject(rejection)
})

test('lookUp() follows no redirect to another host', async () => {
  await using other = await startFakeGitHub(folder.path)
  fake.fault({ path: /repos/, status: 301, headers: { location: `${other.apiUrl}/repos/acme/app` } })
  await expect(forge.lookUp('acme/app', signal)).rejects.toMatchObject({ code: 'repository-not-found' })
  expect(other.requests).toEqual([])
})

test('account() says whose token it is, by a number that stays', async () => {
  expect(forge.host).toBe(new URL(fake.webUrl).host)
  expect(await forge.account(signal)).toEqual({ login: 'ada', id: 100 })
  await expect(client('bad').account(signal)).rejects.toMatchObject({ code: 'repository-auth' })
})

test('linkingGitHub() asks with the token that it is given, and for rights only with its own', async () => {
  const options = { baseUrl: fake.apiUrl }
  const without = linkingGitHub(options)
  expect(await without.accountOf('reader', signal)).toEqual({ login: 'bob', id: 101 })
  expect(without.pushRight).toBeUndefined()
  const { pushRight } = linkingGitHub({ ...options, token: 'good' })
  expect(await pushRight?.('acme/app', { login: 'ada', id: 100 }, signal)).toBe('push')
})

test.each([
  ['one who may', { login: 'ada', id: 100 }, 'push'],
  ['one who may, in other letters', { login: 'ADA', id: 100 }, 'push'],
  ['one who only reads', { login: 'bob', id: 101 }, 'none'],
  ['a login that is another account since', { login: 'ada', id: 7 }, 'stranger'],
  ['a login that is gone', { login: 'eve', id: 7 }, 'stranger'],
])('pushRight() of %s', async (_, account, right) => {
  expect(await forge.pushRight('acme/app', account, signal)).toBe(right)
})

test.each([
  ['read', 'none'],
  ['none', 'none'],
  ['triage', 'none'],
  ['', 'none'],
  ['write', 'push'],
  ['maintain', 'push'],
  ['admin', 'push'],
])('pushRight() of somebody who has %s is %s', async (permission, right) => {
  fake.fault({ path: /permission$/, status: 200, body: { permission, role_name: permission, user: { id: 100 } } })
  expect(await forge.pushRight('acme/app', { login: 'ada', id: 100 }, signal)).toBe(right)
})

test('pushRight() believes no answer that names nobody', async () => {
  fake.fault({ path: /permission$/, status: 200, body: { permission: 'admin', role_name: 'admin', user: null } })
  expect(await forge.pushRight('acme/app', { login: 'ada', id: 100 }, signal)).toBe('stranger')
})

test('pushRight() rejects where the repository is not there, the token may not ask, or GitHub is away', async () => {
  const ada = { login: 'ada', id: 100 }
  await expect(forge.pushRight('acme/none', ada, signal)).rejects.toMatchObject({ code: 'repository-not-found' })
  fake.fault({ path: /permission$/, status: 403 })
  await expect(forge.pushRight('acme/app', ada, signal)).rejects.toMatchObject({ code: 'repository-auth' })
  fake.fault({ path: /permission$/, status: 503, times: 4 })
  await expect(forge.pushRight('acme/app', ada, signal)).rejects.toMatchObject({ code: 'forge-unavailable' })
})

test('openPullRequest() opens one and finds it again', async () => {
  const opened = await forge.openPullRequest('acme/app', input, signal)
  expect(opened).toEqual({ number: 1, url: `${fake.webUrl}/acme/app/pull/1` })
  expect(await forge.openPullRequest('acme/app', input, signal)).toEqual(opened)
  expect(fake.state.pulls).toHaveLength(1)
  expect(fake.state.pulls[0]).toMatchObject({ head: 'drydock/x-1', base: 'main', title: 'X', body: 'body' })
})

test.each([
  ['the answer is lost', { drop: 'after' }],
  ['the connection breaks', { drop: 'before' }],
  ['the server fails', { status: 500 }],
] as const)('openPullRequest() opens exactly one when %s', async (_, fault) => {
  fake.fault({ method: 'POST', path: /pulls/, ...fault })
  expect(await forge.openPullRequest('acme/app', input, signal)).toMatchObject({ number: 1 })
  expect(fake.state.pulls).toHaveLength(1)
})

test('openPullRequest() finds the one that the list does not show yet', async () => {
  await forge.openPullRequest('acme/app', input, signal)
  fake.fault({ method: 'GET', path: /pulls/, status: 200, body: [] })
  expect(await forge.openPullRequest('acme/app', input, signal)).toMatchObject({ number: 1 })
  expect(fake.state.pulls).toHaveLength(1)
})

test('openPullRequest() says why GitHub refuses', async () => {
  await expect(client('reader').openPullRequest('acme/app', input, signal)).rejects.toMatchObject({
    code: 'repository-auth',
    message: expect.stringContaining('Resource not accessible'),
  })
  await expect(forge.openPullRequest('acme/app', { ...input, head: 'none' }, signal)).rejects.toMatchObject({
    code: 'forge-rejected',
    message: expect.stringContaining('head'),
  })
  expect(waits).toEqual([])
})

test('openPullRequest() takes no link to another server from an answer', async () => {
  const pull = { head: { ref: input.head, repo: { full_name: 'acme/app' } }, base: { ref: 'main' }, number: 5 }
  fake.fault({ method: 'GET', path: /pulls/, status: 200, body: [{ ...pull, html_url: 'javascript:alert(1)' }] })
  expect(await forge.openPullRequest('acme/app', input, signal)).toEqual({
    number: 5,
    url: `${fake.webUrl}/acme/app/pull/5`,
  })
})
