import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import { CANARY, type CanaryLine, type CanaryPlan, type CanaryReport } from '../../../runner/network/canary.ts'

const NO_SUCH_NAME = 0x8183
const server = createSocket('udp4')
let questions = 0
/** The question that is the first to be answered. */
let answersFrom = 1

server.on('message', (question, { port, address }) => {
  if (++questions < answersFrom) return
  const answer = Buffer.from(question)
  answer.writeUInt16BE(NO_SUCH_NAME, 2)
  server.send(answer, port, address)
})
server.bind(0, '127.0.0.1')
const listening = once(server, 'listening')

afterEach(() => {
  questions = 0
})

async function reportOf(changes: Partial<CanaryPlan>): Promise<CanaryReport | undefined> {
  await listening
  const resolver = `127.0.0.1:${server.address().port}`
  const plan: CanaryPlan = { silent: [], closed: [], names: [], resolver, timeoutMs: 50, longestMs: 200, ...changes }
  const child = spawn(process.execPath, ['-e', CANARY], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(`${JSON.stringify(plan)}\n`)
  const lines = (await text(child.stdout)).split('\n').filter(Boolean)
  for (const line of lines.map((each) => JSON.parse(each) as CanaryLine)) if (line.kind === 'report') return line.report
  return undefined
}

test('the canary looks again, and longer, until the resolver has answered', async () => {
  answersFrom = 3
  expect(await reportOf({ longestMs: 20_000 })).toMatchObject({ answered: true, reached: [] })
  expect(questions).toBeGreaterThanOrEqual(3)
})

test('the canary gives up when the resolver never answers', async () => {
  answersFrom = Infinity
  expect(await reportOf({})).toMatchObject({ answered: false, reached: [] })
  expect(questions).toBe(3)
})

test('the canary does not look again once it has reached something', async () => {
  answersFrom = Infinity
  const refused = '127.0.0.1:1'
  expect(await reportOf({ silent: [refused], timeoutMs: 500, longestMs: 20_000 })).toMatchObject({ reached: [refused] })
  expect(questions).toBe(1)
})
