import { expect, test } from 'vitest'
import { gatewayTargets } from '../../bench/fuzz/gateway.ts'
import { openSslName } from '../../bench/fuzz/hellos.ts'
import { readRequests, readResponse, valuesOf } from '../../bench/fuzz/llhttp.ts'
import { sideDoors } from '../../bench/fuzz/model-bodies.ts'
import { inetAton, mustBeNoAddress, plainReading } from '../../bench/fuzz/names.ts'
import { runFuzz, show } from '../../bench/fuzz/run.ts'
import { must, target } from '../../bench/fuzz/target.ts'

// `npm run fuzz` has a million inputs; these are for every day. A seed that found something once is worth keeping here.
const INPUTS = 30_000

test.each([1, Date.now() % 1_000_000])(
  'nothing that reads hostile input is at a loss (seed %i)',
  async (seed) => {
    const { inputs, findings } = await runFuzz(await gatewayTargets(), { inputs: INPUTS, seed })
    expect(inputs).toBeGreaterThanOrEqual(INPUTS)
    expect(findings).toEqual([])
  },
  60_000,
)

const planted = (check: (text: string) => void) =>
  target<string>({
    name: 'planted',
    weight: 1,
    make: (random) => random.text('abc', 8),
    check: (text) => {
      check(text)
      return text.startsWith('a') ? 'accepted' : 'refused'
    },
  })

test('runFuzz() finds what is wrong, and finds the same again from the seed', async () => {
  const broken = planted((text) => must(!text.includes('cabb'), 'it holds cabb'))
  const first = await runFuzz([broken], { inputs: 5000, seed: 7 })
  expect(first.findings.length).toBeGreaterThan(0)
  expect(first.findings[0]).toMatchObject({ target: 'planted', what: 'Error: it holds cabb' })
  expect(first.findings[0]?.input).toContain('cabb')
  expect((await runFuzz([broken], { inputs: 5000, seed: 7 })).findings).toEqual(first.findings)
  expect((await runFuzz([broken], { inputs: 5000, seed: 8 })).findings).not.toEqual(first.findings)
})

test('runFuzz() finds what takes too long', async () => {
  const slow = planted((text) => {
    const used = process.cpuUsage()
    while (text === 'abcabc' && process.cpuUsage(used).user < 150_000);
  })
  const { findings } = await runFuzz([slow], { inputs: 12_000, seed: 7 })
  expect(findings[0]).toMatchObject({ what: expect.stringMatching(/^it takes \d+ ms$/) as string, input: '"abcabc"' })
})

test('runFuzz() finds a generator that has lost touch', async () => {
  const { findings } = await runFuzz([{ ...planted(() => {}), leastAccepted: 0.9 }], { inputs: 2000, seed: 7 })
  expect(findings).toMatchObject([{ what: expect.stringMatching(/^\d+ of 2000 inputs were accepted$/) as string }])
})

test('show() makes a case for a test of any input', () => {
  expect(show({ bytes: Buffer.from('a\0\xff', 'latin1') })).toBe('{"bytes":"a\\u0000\\u00ff"}')
})

test.each(['127.0.0.1', '127.1', '0x7f.1', '017700000001', '2130706433', '1.2.3.0x', '0'])(
  '%s is an address',
  (text) => {
    expect(inetAton(text)).toBeDefined()
    expect(() => mustBeNoAddress(text)).toThrow()
  },
)

test.each(['a.test', '1.2.3.4.5', '256.1.1.1', '1e3', 'a.1b', '08.1'])('%s is none', (text) => {
  expect(inetAton(text)).toBeUndefined()
})

test.each([
  ['A.Test.', 'a.test'],
  ['a..test', undefined],
  ['-a.test', undefined],
  ['a.test\0', undefined],
  ['\u212a.test', undefined],
  [`${'a'.repeat(64)}.test`, undefined],
])('plainReading() of %j is %j', (text, name) => {
  expect(plainReading(text)).toBe(name)
})

test('the other HTTP parser tells two requests from one, and a whole body from a cut one', async () => {
  const head = 'POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\n'
  const two = readRequests(Buffer.from(`${head}abcdGET /b HTTP/1.1\r\nHost: b.test\r\n\r\n`))
  expect(two.requests.map(({ url, body, complete }) => [url, body, complete])).toEqual([
    ['/a', 'abcd', true],
    ['/b', '', true],
  ])
  expect(two.requests.map((each) => valuesOf(each, 'host'))).toEqual([['a.test'], ['b.test']])
  expect(readRequests(Buffer.from(`${head}ab`)).requests).toMatchObject([{ body: 'ab', complete: false }])
  expect(readRequests(Buffer.from('GET / HTTP/1.1\r\nHost : a\r\n\r\n'))).toEqual({ requests: [], refused: true })
  const answer = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab')
  expect(await readResponse(answer, 'GET')).toMatchObject({ status: 200, body: 'ab', complete: true })
  expect(await readResponse(Buffer.from('HTTP/1.1 2x0 OK\r\n\r\n'), 'GET')).toBeUndefined()
})

test('OpenSSL says which name it reads in a ClientHello, and refuses what is none', async () => {
  const name = [0, 0, 0, 11, 0, 9, 0, 0, 6, ...Buffer.from('a.test')]
  const hello = (extensions: readonly number[]) => {
    const body = [
      3,
      3,
      ...Array<number>(32).fill(7),
      0,
      0,
      4,
      0xc0,
      0x2b,
      0xc0,
      0x2f,
      1,
      0,
      0,
      extensions.length,
      ...extensions,
    ]
    return Buffer.from([22, 3, 1, 0, body.length + 4, 1, 0, 0, body.length, ...body])
  }
  expect(await openSslName(hello(name))).toEqual({ outcome: 'name', name: 'a.test' })
  expect((await openSslName(hello([0, 0, 0, 1, 0]))).outcome).toBe('refused')
})

test('sideDoors() sees what the model route must not pass on', () => {
  const item = { role: 'user', content: [{ type: 'input_image', image_url: 'https://out.test' }] }
  expect(sideDoors({ input: [item], store: true, tools: [{ type: 'web_search' }], include: [] }, '')).toEqual([
    '.input.content.image_url=https://out.test',
    '.store',
    '.tools.type=web_search',
  ])
  expect(sideDoors({ tools: [{ type: 'function', parameters: { type: 'mcp' } }] }, '')).toEqual([])
})
