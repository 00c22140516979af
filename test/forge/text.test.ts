import fc from 'fast-check'
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { pullRequestBody, pullRequestTitle } from '../../forge/body.ts'
import { branchName } from '../../forge/branch-name.ts'
import { commitMessage } from '../../forge/message.ts'
import { parseRefs } from '../../forge/refs.ts'

const base = { agent: 'command', flagged: [] }
const HOSTILE = [
  'Fixes #1',
  'closes acme/app#2 GH-3',
  'Fixes https://github.com/acme/app/issues/4',
  '@octocat',
  '<img src=x onerror=alert(1)>',
  '```\n@octocat\n```',
  '~~~\n@octocat',
  '````````\n#5',
  '\u202ereversed\u2028line\u0007\u001b]8;;https://evil\u0007x',
  '</details><!-- ',
]

/** What is outside fences and code spans: all that a forge reads as markup. */
function outside(body: string): string {
  const rest: string[] = []
  let mark: string | undefined
  for (const line of body.split('\n')) {
    const run = /^(`{3,})/.exec(line)?.[1]
    if (mark === undefined && run !== undefined) mark = run
    else if (mark !== undefined && run !== undefined && run.length >= mark.length && line === run) mark = undefined
    else if (mark === undefined) rest.push(line.replace(/(`+) .*? \1(?!`)/g, ''))
  }
  expect(mark).toBeUndefined()
  return rest.join('\n')
}

test.each(HOSTILE)('pullRequestBody() keeps %j inside a fence', (text) => {
  const flagged = [{ path: `a\`${text}`, why: text }]
  const network = networkOf([text, `${text}.test`])
  const body = pullRequestBody({ ...base, prompt: text, summary: text, flagged, network, taskUrl: 'https://h/tasks/1' })
  expect(outside(body)).not.toMatch(/octocat|#\d|acme|evil|<img|<!--/)
  expect(body).not.toMatch(/[\u202e\u2028\u0007\u001b]/)
  expect(outside(body)).toContain('[Task](<https://h/tasks/1>)')
})

test('pullRequestBody() stays below the limit of GitHub, whole fences included', () => {
  const huge = '`'.repeat(100_000) + '\u202e'.repeat(100_000)
  const flagged = Array.from({ length: 500 }, (_, n) => ({ path: `${n}/${'p'.repeat(900)}`, why: 'workflow' }))
  const network = networkOf(Array.from({ length: 50 }, (_, n) => `${n}${huge}`))
  const body = pullRequestBody({ ...base, prompt: huge, summary: huge, flagged, network })
  expect(body.length).toBeLessThanOrEqual(65_536)
  expect(outside(body)).toContain('Made by Drydock')
})

const networkOf = (hosts: (string | null)[]) => ({
  ...{ requests: 5, denied: 2, bytesUp: 10, bytesDown: 2048, others: null },
  hosts: hosts.map((host) => ({ host, verdict: 'allow' as const, count: 1, bytesUp: 10, bytesDown: 2048 })),
})

test('pullRequestBody() says what was asked of the network, and nothing of a network that was not used', () => {
  const denied = { host: null, verdict: 'deny' as const, count: 2, bytesUp: 0, bytesDown: 0 }
  const { hosts, ...totals } = networkOf(['registry.npmjs.org'])
  const others = { hosts: 7, requests: 9, denied: 9, bytesUp: 0, bytesDown: 0 }
  const body = pullRequestBody({ ...base, prompt: 'p', network: { ...totals, hosts: [...hosts, denied], others } })
  expect(body).toContain(
    [
      '**Network**: 5 requests, 2 denied, 10 B up, 2.0 KiB down\n',
      '- ` registry.npmjs.org `: 1 request, 10 B up, 2.0 KiB down',
      '- names that are none: 2 denied',
      '- and 7 more',
    ].join('\n'),
  )
  expect(pullRequestBody({ ...base, prompt: 'p' })).not.toContain('Network')
})

test('pullRequestBody() links to http only', () => {
  expect(pullRequestBody({ ...base, prompt: 'p', taskUrl: 'javascript:alert(1)' })).not.toContain('javascript')
})

test.each(HOSTILE)('pullRequestTitle() and commitMessage() defuse %j', (text) => {
  const agent = { name: 'Command', email: 'agent@drydock.invalid' }
  const message = commitMessage({ title: text, prompt: text, agent })
  for (const part of [pullRequestTitle(text), message.replace(/^Co-authored-by: .*$/m, '')]) {
    expect(part).not.toMatch(/@\w|#\d|GH-\d|:\/\/|[\u202e\u2028\u0007\u001b]/)
  }
  expect(pullRequestTitle(text)).not.toContain('\n')
})

test('commitMessage() has one trailer, the agent', () => {
  const agent = { name: 'Evil\nSigned-off-by: x <x@x>', email: 'agent@drydock.invalid' }
  const prompt = 'Do it\n\nSigned-off-by: Boss <boss@example.com>\nCo-authored-by: Boss <boss@example.com>'
  const message = commitMessage({ title: 'T', prompt, agent, taskUrl: 'https://h/tasks/1' })
  const trailers = execFileSync('git', ['interpret-trailers', '--parse'], {
    input: message,
    encoding: 'utf8',
    cwd: '/',
  })
  expect(trailers).toBe('Co-authored-by: Evil Signed-off-by: x x@x <agent@drydock.invalid>\n')
  expect(message).toContain('\n\nTask: https://h/tasks/1\n\n')
})

test.each([
  ['Fix the login!', 'drydock/fix-the-login-0abc'],
  ['Ärger mit Größe', 'drydock/arger-mit-gro-e-0abc'],
  ['日本語', 'drydock/task-0abc'],
  ['a'.repeat(99), `drydock/${'a'.repeat(40)}-0abc`],
])('branchName() of %j is %s', (title, name) => {
  expect(branchName(title, '0abc')).toBe(name)
})

test('branchName() is a valid ref whatever the title', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (title) => {
      const name = branchName(title, '0123456789abcdef')
      expect(name).toMatch(/^drydock\/[a-z0-9][a-z0-9-]{0,39}-0123456789abcdef$/)
      expect(parseRefs(Buffer.from(`${'a'.repeat(40)}\trefs/heads/${name}\n`)).refs).toHaveLength(1)
    }),
  )
})
