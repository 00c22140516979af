import { Agent, get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { startFarSide, type FarSide } from './far-side.ts'
import { compileGateway, configOf, GATEWAY, GatewayProcess, sandboxAddress, settingsOf } from './gateway-process.ts'

let built: Awaited<ReturnType<typeof compileGateway>>
let gateway: GatewayProcess
let farSide: FarSide

beforeAll(async () => {
  built = await compileGateway()
}, 60_000)
afterAll(() => built.remove())
beforeEach(async () => {
  farSide = await startFarSide(['allowed.test'])
  gateway = new GatewayProcess(built.folder)
})
afterEach(async () => {
  await gateway.remove()
  await farSide[Symbol.asyncDispose]()
})

async function settle(sandboxes: number): Promise<void> {
  await gateway.control('PUT', '/settings', settingsOf(farSide))
  for (let index = 0; index < sandboxes; index++) await gateway.control('PUT', `/sandboxes/s${index}`, configOf(index))
}

/** A request through the explicit proxy, from the address of a sandbox. */
function fetchFrom(index: number, url: string, agent: Agent | false = false): Promise<IncomingMessage> {
  const { proxy } = gateway.ports
  const headers = { host: new URL(url).host }
  const where = { host: GATEWAY, port: proxy, localAddress: sandboxAddress(index), path: url, headers, agent }
  return new Promise((resolve, reject) => get(where, resolve).on('error', reject))
}

test('main takes no sandbox before it has settings', async () => {
  await gateway.start()
  await expect(gateway.control('PUT', '/sandboxes/s0', configOf(0))).rejects.toThrow(/409/)
  await expect(fetchFrom(0, 'http://allowed.test/')).rejects.toThrow()
  await settle(1)
  expect((await fetchFrom(0, 'http://allowed.test/')).statusCode).toBe(200)
})

test('main lets through what is allowed, refuses the rest with a reason, and has both on the ledger', async () => {
  await gateway.start()
  await settle(1)
  const allowed = await fetchFrom(0, 'http://allowed.test/path?query=1')
  expect([allowed.statusCode, await text(allowed)]).toEqual([200, 'far side'])
  const denied = await fetchFrom(0, 'http://other.test/')
  expect([denied.statusCode, denied.headers['x-drydock-denied']]).toEqual([403, 'host'])
  expect(await text(denied)).toContain('other.test')
  await expect(fetchFrom(1, 'http://allowed.test/')).rejects.toThrow()
  expect(farSide.requests).toEqual(['allowed.test /path?query=1'])
  const lines = await gateway.ledgerUntil(({ record }) => record.verdict === 'deny')
  const seen = lines.map(({ record }) => [
    record.seq,
    record.host,
    record.path,
    record.verdict,
    record.reason,
    record.status,
  ])
  expect(seen).toEqual([
    [1, 'allowed.test', '/path?query=1', 'allow', null, null],
    [1, 'allowed.test', '/path?query=1', 'allow', null, 200],
    [2, 'other.test', '/', 'deny', 'host', 403],
  ])
})

test('main lets nothing pass when the runner takes no records, and goes on when it does', async () => {
  const sandboxes = 16
  await gateway.start({ DRYDOCK_GATEWAY_SPOOL_MIB: '1' })
  await settle(sandboxes)
  let refused: string | undefined
  const flood = async (index: number) => {
    while (refused === undefined) {
      const answer = await fetchFrom(index, 'http://allowed.test/x').catch(() => undefined)
      answer?.resume()
      if (answer?.statusCode === 503) refused = String(answer.headers['x-drydock-denied'])
    }
  }
  await Promise.all(Array.from({ length: sandboxes }, (_, index) => flood(index)))
  expect(refused).toBe('ledger-failed')
  const before = farSide.requests.length
  const health = (await gateway.control('GET', '/health')) as { ledger: string }
  expect(health.ledger).toBe('failed')
  expect((await fetchFrom(0, 'http://allowed.test/while-full').catch(() => undefined))?.statusCode).not.toBe(200)
  expect(farSide.requests.length).toBe(before)
  const lines = await gateway.ledgerUntil(({ position }) => position >= 2 * before - sandboxes)
  await gateway.control('POST', '/ledger/ack', { position: lines.at(-1)?.position })
  expect((await fetchFrom(1, 'http://allowed.test/again')).statusCode).toBe(200)
})

test('main completes its records and exits 0 on SIGTERM', async () => {
  await gateway.start()
  await settle(1)
  await fetchFrom(0, 'http://allowed.test/')
  expect(await gateway.stop('SIGTERM')).toBe(0)
  await gateway.start()
  const lines = await gateway.ledgerUntil(({ position }) => position === 2)
  expect(lines.map(({ record }) => [record.seq, record.status])).toEqual([
    [1, null],
    [1, 200],
  ])
  expect(gateway.log).not.toContain('crashed')
})

test(
  'main killed under load has everything on the ledger that reached the far side',
  { timeout: 120_000 },
  async () => {
    const sandboxes = 4
    const kills = Number(process.env.DRYDOCK_TEST_KILLS ?? 4)
    let count = 0
    let served = 0
    let running = true
    const agent = new Agent({ keepAlive: true })
    const load = async (index: number) => {
      while (running) {
        const url = `http://allowed.test/${count++}`
        await fetchFrom(index, url, agent).then(text, () => new Promise((resolve) => setTimeout(resolve, 5)))
      }
    }
    const loads = Array.from({ length: sandboxes * 4 }, (_, index) => load(index % sandboxes))
    for (let kill = 0; kill < kills; kill++) {
      await gateway.start()
      await settle(sandboxes)
      await farSide.reached(farSide.requests.length + 200)
      served = farSide.requests.length
      expect(await gateway.stop('SIGKILL')).toBe('SIGKILL')
    }
    running = false
    await Promise.all(loads)
    agent.destroy()
    await gateway.start()
    await settle(1)
    await fetchFrom(0, 'http://allowed.test/last')
    const lines = await gateway.ledgerUntil(({ record }) => record.path === '/last')
    const onLedger = new Set(lines.map(({ record }) => `allowed.test ${record.path ?? ''}`))
    expect(farSide.requests.length).toBeGreaterThanOrEqual(served)
    expect(farSide.requests.filter((request) => !onLedger.has(request))).toEqual([])
    expect(lines.map(({ position }) => position)).toEqual(lines.map((_, index) => index + 1))
    for (let index = 0; index < sandboxes; index++) {
      const seqs = new Set(lines.filter(({ record }) => record.sandbox === `s${index}`).map(({ record }) => record.seq))
      // Each seq was used for one exchange, and none was left out.
      expect(Math.max(...seqs)).toBe(seqs.size)
    }
  },
)
