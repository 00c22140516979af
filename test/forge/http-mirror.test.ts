import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createMirrors } from '../../forge/mirror.ts'
import type { Mirrors, MirrorView, Remote } from '../../forge/mirrors.ts'
import { startFakeGitHub } from '../support/fake-github/fake-github.ts'
import type { FakeGitHub } from '../support/fake-github/fake-github.ts'
import type { FakeRepository } from '../support/fake-github/state.ts'
import { git, makeOrigin, temporaryFolder } from '../support/git-fixture.ts'
import type { Folder } from '../support/git-fixture.ts'

// Many git processes each, beside other tests on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

const CANARY = 'ghp_canary0123456789'
const { signal } = new AbortController()
let folder: Folder
let fake: FakeGitHub
let repository: FakeRepository
let mirrors: Mirrors
let remote: Remote

beforeEach(async () => {
  folder = temporaryFolder()
  fake = await startFakeGitHub(join(folder.path, 'github'))
  fake.addToken(CANARY, 'ada')
  fake.addToken('reader', 'bob')
  repository = fake.addRepository('acme/app', { writers: ['ada'], isPrivate: true })
  git(makeOrigin(folder.path).work, 'push', '-q', repository.path, 'HEAD:main')
  mirrors = makeMirrors(['127.0.0.1'])
  remote = { forge: 'github', address: 'acme/app', credential: { username: 'x-access-token', password: CANARY } }
})
afterEach(async () => {
  await fake[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

function makeMirrors(allowedHosts: string[]): Mirrors {
  return createMirrors({
    folder: join(folder.path, 'mirrors'),
    repositoryRoots: [],
    allowedHosts,
    githubUrl: fake.webUrl,
    path: process.env.PATH ?? '',
  })
}

function commitOn(view: MirrorView, message = 'Work'): Promise<string> {
  const parent = view.refs[0]?.commit ?? ''
  const tree = git(join(view.objects, '..'), 'rev-parse', `${parent}^{tree}`)
  const person = { name: 'Ada', email: 'ada@example.com' }
  return mirrors.commit(view, { tree, parent, message, author: person, committer: person, date: new Date(0) })
}

function filesBelow(path: string): string[] {
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' })
  return names.map((name) => join(path, name)).filter((name) => statSync(name).isFile())
}

test('open() and push() work over http with a token that no file holds', async () => {
  await using view = await mirrors.open(remote, signal)
  expect(view.defaultBranch).toBe('main')
  const commit = await commitOn(view)
  expect(await mirrors.push(view, remote, { commit, branch: 'drydock/x' }, signal)).toEqual({ kind: 'pushed' })
  expect(git(repository.path, 'rev-parse', 'drydock/x')).toBe(commit)
  const files = filesBelow(join(folder.path, 'mirrors'))
  expect(files.length).toBeGreaterThan(10)
  expect(files.filter((file) => readFileSync(file).includes(CANARY))).toEqual([])
  expect(files.filter((file) => /FETCH_HEAD|\/logs\//.test(file))).toEqual([])
})

test.each([
  ['without a credential', undefined, 'repository-auth'],
  ['with an unknown token', { username: 'x', password: 'nope' }, 'repository-auth'],
  ['with a token that may not see it', { username: 'x', password: 'reader' }, 'repository-not-found'],
  ['with a line break in the token', { username: 'x', password: 'a\nb' }, 'repository-refused'],
])('open() %s rejects', async (_, credential, code) => {
  // The right credential has made the mirror: it must not serve another one (R4).
  await (await mirrors.open(remote, signal))[Symbol.asyncDispose]()
  const other: Remote = { forge: 'github', address: 'acme/app', ...(credential && { credential }) }
  await expect(mirrors.open(other, signal)).rejects.toMatchObject({ code })
})

test('open() asks again with the own credential each time', async () => {
  await (await mirrors.open(remote, signal))[Symbol.asyncDispose]()
  fake.state.tokens.delete(CANARY)
  await expect(mirrors.open(remote, signal)).rejects.toMatchObject({ code: 'repository-auth' })
})

test('open() of a plain URL on a private host needs the setting', async () => {
  const plain: Remote = { ...remote, forge: 'git', address: `${fake.webUrl}/acme/app.git` }
  await using view = await mirrors.open(plain, signal)
  expect(view.refs).toHaveLength(1)
  const before = fake.requests.length
  const rejection = { code: 'repository-refused', message: expect.stringContaining('allowedHosts') }
  await expect(makeMirrors([]).open(plain, signal)).rejects.toMatchObject(rejection)
  expect(fake.requests).toHaveLength(before)
})

test('open() follows no redirect to another host', async () => {
  await using other = await startFakeGitHub(join(folder.path, 'github'))
  fake.fault({
    path: /info\/refs/,
    status: 302,
    headers: { location: `${other.webUrl}/acme/app.git/info/refs?service=git-upload-pack` },
  })
  await expect(mirrors.open(remote, signal)).rejects.toMatchObject({ code: 'repository-refused' })
  expect(other.requests).toEqual([])
})

test('open() dials the vetted address, whatever the name says later', async () => {
  const named = createMirrors({
    folder: join(folder.path, 'mirrors'),
    repositoryRoots: [],
    allowedHosts: ['git.drydock.test'],
    resolve: async () => ['127.0.0.1'],
    path: process.env.PATH ?? '',
  })
  const address = `${fake.webUrl.replace('127.0.0.1', 'git.drydock.test')}/acme/app.git`
  await using view = await named.open({ ...remote, forge: 'git', address }, signal)
  expect(view.refs).toHaveLength(1)
})

test('open() tells a server in trouble from a missing repository', async () => {
  fake.fault({ path: /info\/refs/, status: 503 })
  await expect(mirrors.open(remote, signal)).rejects.toMatchObject({ code: 'forge-unavailable' })
  const missing: Remote = { ...remote, address: 'acme/none' }
  await expect(mirrors.open(missing, signal)).rejects.toMatchObject({ code: 'repository-not-found' })
})

test('push() counts as done when the answer was lost', async () => {
  await using view = await mirrors.open(remote, signal)
  const commit = await commitOn(view)
  fake.fault({ method: 'POST', path: /git-receive-pack/, drop: 'after' })
  expect(await mirrors.push(view, remote, { commit, branch: 'drydock/x' }, signal)).toEqual({ kind: 'pushed' })
  expect(git(repository.path, 'rev-parse', 'drydock/x')).toBe(commit)
})

test('push() that never arrived rejects with forge-unavailable', async () => {
  await using view = await mirrors.open(remote, signal)
  const commit = await commitOn(view)
  fake.fault({ method: 'POST', path: /git-receive-pack/, drop: 'before', times: 5 })
  const push = mirrors.push(view, remote, { commit, branch: 'drydock/x' }, signal)
  await expect(push).rejects.toMatchObject({ code: 'forge-unavailable' })
})

test('push() gives the words of a hook that declines, on one plain line', async () => {
  const hook = join(repository.path, 'hooks', 'pre-receive')
  mkdirSync(join(repository.path, 'hooks'), { recursive: true })
  writeFileSync(hook, '#!/bin/sh\nprintf "no \\033[31mred\\033[0m branches\\r\\n@all fixes\\n" >&2\nexit 1\n')
  chmodSync(hook, 0o755)
  await using view = await mirrors.open(remote, signal)
  const commit = await commitOn(view)
  const result = await mirrors.push(view, remote, { commit, branch: 'drydock/x' }, signal)
  expect(result).toEqual({ kind: 'rejected', message: expect.stringMatching(/^no red branches .*hook declined/) })
})

test('push() without the right to write rejects with repository-auth', async () => {
  repository.isPrivate = false
  const reader: Remote = { ...remote, credential: { username: 'x', password: 'reader' } }
  await using view = await mirrors.open(reader, signal)
  const push = mirrors.push(view, reader, { commit: await commitOn(view), branch: 'drydock/x' }, signal)
  await expect(push).rejects.toMatchObject({ code: 'repository-auth' })
})
