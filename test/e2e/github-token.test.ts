import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { git } from '../support/git-fixture.ts'
import { TOKEN, addEnvironment, askForPullRequest, githubWorld, holdNext, publish } from '../support/github-world.ts'
import { onlyAttempt, runTask, submit } from '../support/github-world.ts'
import type { GitHubWorld } from '../support/github-world.ts'

const ROTATED = 'ghp_rotated8Tn3Vb6Kc1'
const DECOY = 'ghp_canaryDecoy'

let world: GitHubWorld
beforeEach(async () => {
  world = await githubWorld()
})
afterEach(async () => {
  vi.restoreAllMocks()
  expect(world.fake.violations).toEqual([])
  await world[Symbol.asyncDispose]()
})

/** Files below a folder that hold a text. */
function filesWith(folder: string, text: string): string {
  return sh('grep -rlaF -e "$1" "$2" || true', text, folder)
}

/** All objects of all mirrors, unpacked. */
function objectsOf(folder: string): string {
  return sh('for dir in "$1"/*/*.git; do git --git-dir="$dir" cat-file --batch-all-objects --batch; done', folder)
}

function sh(script: string, ...args: string[]): string {
  return execFileSync('sh', ['-c', script, 'sh', ...args], { encoding: 'utf8' }).trim()
}

test('the token is nowhere: not in the sandbox, the data folder, the database, the answers or the log', async () => {
  const { fake, folder, database } = world
  const log = join(folder, 'log')
  vi.spyOn(pino, 'destination').mockReturnValue(pino.destination({ dest: log, sync: true }))
  await using server = await world.serve({ DRYDOCK_LOG: 'trace' })
  await addEnvironment(server, 'pull-request')

  // The decoy shows that the search inside would find one; the pattern does not match its own text.
  const search = [
    `printf 'ghp_%s' canaryDecoy > decoy.txt`,
    `grep -rlaE 'ghp_[c]anary' / --exclude-dir=proc --exclude-dir=sys 2>/dev/null || true`,
    `cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | grep -aoE 'ghp_[c]anary[A-Za-z0-9]*' | sed 's/^/process: /' || true`,
  ].join('\n')
  fake.fault({ path: /\/pulls$/, method: 'POST', status: 401 })
  const ran = await runTask(server, 'pull-request', search)
  expect(ran.attempt).toMatchObject({ publish: { state: 'failed' } })
  fake.fault({ path: /\/acme\/app$/, status: 500, body: { message: 'oops' }, times: 2 })
  expect(await publish(server, ran)).toMatchObject({ publish: { state: 'published' } })

  const headers = { authorization: `Bearer ${server.token}` }
  const events = await (await fetch(`${server.url}/api/v1/tasks/${ran.taskId}/events`, { headers })).text()
  expect(events).toContain('/workspace/decoy.txt')
  expect(events.match(/\/[^"\s]*decoy\.txt|process: [^"]*/g)).toEqual(['/workspace/decoy.txt'])
  const dump = await database.client<{ all: string }[]>`
    select string_agg(query_to_xml(format('select * from %I', tablename), true, false, '')::text, '') as all
    from pg_tables where schemaname = 'public'`
  const task = JSON.stringify((await server.call('GET', `/tasks/${ran.taskId}`)).body)
  const told = { events, dump: dump[0]?.all ?? '', task, log: readFileSync(log, 'utf8') }
  // Each place is searched at all: it holds the attempt.
  for (const [place, text] of Object.entries(told)) {
    expect(text, place).toContain(ran.attempt.id)
    expect(text.includes(TOKEN), place).toBe(false)
    expect(text.includes(Buffer.from(`x-access-token:${TOKEN}`).toString('base64')), place).toBe(false)
  }
  expect(filesWith(join(folder, 'data'), 'DRYDOCK_GIT_PASSWORD')).toContain('askpass')
  expect(filesWith(join(folder, 'data'), TOKEN)).toBe('')
  const objects = objectsOf(join(folder, 'data', 'mirrors'))
  expect(objects).toContain(DECOY)
  expect(objects).not.toContain(TOKEN)
  expect(git(world.repository.path, 'show', `${ran.attempt.branch}:decoy.txt`)).toBe(DECOY)
})

test('a server that stops gives its publishing back; the next one publishes, with another token', async () => {
  const { fake, database, repository } = world
  let taskId: string
  {
    await using server = await world.serve()
    await addEnvironment(server, 'pull-request')
    const gate = holdNext(fake, /\/repos\/acme\/app$/)
    taskId = await submit(server, 'pull-request', 'echo kept > kept.txt')
    await gate.seen
    await server.close()
    gate.open()
  }
  const [row] = await database.client`
    select publish_state, publish_runner_id, publish_lease_until <= now() as is_free, publish_tries from attempts`
  expect(row).toMatchObject({
    publish_state: 'pending',
    publish_runner_id: null,
    is_free: true,
    publish_tries: 0,
  })

  fake.state.tokens.delete(TOKEN)
  fake.addToken(ROTATED, 'ada')
  await using server = await world.serve({ DRYDOCK_GITHUB_TOKEN: ROTATED })
  await server.finished(taskId)
  const attempt = await onlyAttempt(server, taskId)
  expect(attempt).toMatchObject({ publish: { state: 'published' }, pullRequest: { number: 1 } })
  expect(git(repository.path, 'rev-parse', attempt.branch ?? '')).toBe(attempt.commit)
  expect(fake.state.pulls).toHaveLength(1)
})

test('a change whose mirror was removed is a sentence, not a retry', async () => {
  await using server = await world.serve()
  await addEnvironment(server, 'manual')
  const ran = await runTask(server, 'manual', 'echo lost > lost.txt')
  const mirrors = join(world.folder, 'data', 'mirrors')
  sh('rm -rf "$1"/*/store.git/objects/??/ "$1"/*/store.git/objects/pack/*', mirrors)
  const { status } = await askForPullRequest(server, ran.attempt)
  expect(status).toBe(202)
  await server.finished(ran.taskId)
  const { state, publish: published } = await onlyAttempt(server, ran.taskId)
  expect(state).toBe('succeeded')
  expect(published).toMatchObject({
    state: 'failed',
    reason: expect.stringMatching(/mirrors no longer have it\. Run the task again/) as string,
  })
})
