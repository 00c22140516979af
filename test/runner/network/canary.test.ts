import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { CANARY, type CanaryLine, type CanaryPlan, type CanaryReport } from '../../../runner/network/canary.ts'

/** A resolver that answers, with "no such name", from the given question on; or never. */
async function openResolver(from: number): Promise<AsyncDisposable & { address: string }> {
  const socket = createSocket('udp4')
  let asked = 0
  socket.on('message', (query, { port, address }) => {
    if (++asked < from) return
    const answer = Buffer.from(query)
    answer[2] = 0x84
    answer[3] = 0x83
    socket.send(answer, port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    address: `127.0.0.1:${socket.address().port}`,
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  }
}

async function reportOf(plan: Pick<CanaryPlan, 'resolver' | 'patienceMs'>): Promise<CanaryReport | undefined> {
  const canary = spawn(process.execPath, ['-e', CANARY], { stdio: ['pipe', 'pipe', 'inherit'] })
  canary.stdin.end(`${JSON.stringify({ silent: [], closed: [], names: [], timeoutMs: 100, ...plan })}\n`)
  const lines = (await text(canary.stdout)).trim().split('\n')
  const found = lines.map((line) => JSON.parse(line) as CanaryLine).find(({ kind }) => kind === 'report')
  return found?.kind === 'report' ? found.report : undefined
}

test('a resolver that is late twice, as on a busy machine, has answered', async () => {
  await using resolver = await openResolver(3)
  const report = await reportOf({ resolver: resolver.address, patienceMs: 10_000 })
  expect(report).toMatchObject({ answered: true, reached: [], open: [] })
})

test('a resolver that never answers is reported when the patience is over', async () => {
  await using resolver = await openResolver(Infinity)
  expect(await reportOf({ resolver: resolver.address, patienceMs: 300 })).toMatchObject({ answered: false })
})
