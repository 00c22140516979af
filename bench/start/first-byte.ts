import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { WARM } from '../../runner/run-attempt.ts'
import type { BenchServer } from '../support/bench-server.ts'
import { followEvents } from '../support/event-stream.ts'

const run = promisify(execFile)
const WAIT_MS = 100

/** A start that takes a sandbox which waits; it is made beforehand, which is not measured. */
export async function warmStart(server: BenchServer, start: Omit<Start, 'mustBeWarm'>): Promise<number> {
  await untilPaused(server)
  return firstByte(server, { ...start, mustBeWarm: true })
}

/** Resolves when so many sandboxes of a server wait. */
export async function untilPaused(server: BenchServer, count = 1): Promise<void> {
  // Each takes a second or so to make; a busy machine takes many times longer.
  const deadline = performance.now() + 120_000 + count * 30_000
  while ((await pausedContainers(server)).length < count) {
    if (performance.now() > deadline) throw new Error(`Fewer than ${count} sandboxes were made beforehand`)
    await delay(WAIT_MS)
  }
}

/** Ids of the sandboxes of a server that wait. */
export async function pausedContainers({ dataDir }: BenchServer): Promise<string[]> {
  const installation = readFileSync(join(dataDir, 'installation'), 'utf8').trim()
  const filters = [`label=drydock.installation=${installation}`, 'status=paused'].flatMap((each) => ['--filter', each])
  const { stdout } = await run('docker', ['ps', '-q', '--no-trunc', ...filters])
  return stdout.split('\n').filter(Boolean)
}

type Start = { environment: string; branch?: string | undefined; mustBeWarm?: boolean }

/** From sending the request until a follower has the agent's first line. Resolves when the task is at its end. */
export async function firstByte(server: BenchServer, { environment, branch, mustBeWarm }: Start): Promise<number> {
  const started = performance.timeOrigin + performance.now()
  const body = { environment, mode: 'code', prompt: 'say something', ...(branch && { branch }) }
  const { id } = await server.client.json<{ id: string }>('POST', '/tasks', body)
  let first: number | undefined
  let isWarm = false
  await followEvents({ ...server, taskId: id }, ({ json, at }) => {
    if (json.includes(WARM)) isWarm = true
    if (first === undefined && isAgentOutput(json)) first = at
  })
  const task = await server.client.send('GET', `/tasks/${id}`)
  if (first === undefined) throw new Error(`The agent said nothing: ${task.text}`)
  if (mustBeWarm && !isWarm) throw new Error(`The start was no warm one: ${task.text}`)
  return first - started
}

function isAgentOutput(json: string): boolean {
  const { phase, kind } = JSON.parse(json) as { phase: string; kind: string }
  return phase === 'agent' && kind === 'output'
}
