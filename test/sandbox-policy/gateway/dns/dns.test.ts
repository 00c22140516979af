import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { connect } from 'node:net'
import * as packets from 'dns-packet'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DEFAULT_SANDBOX_LIMITS, type ModelGrant, type SandboxConfig } from '../../../../sandbox-policy/control.ts'
import { answerDns } from '../../../../sandbox-policy/gateway/dns/answer.ts'
import { openDns, type DnsServer } from '../../../../sandbox-policy/gateway/dns/server.ts'
import { readQuery } from '../../../../sandbox-policy/gateway/dns/message.ts'
import { Policy } from '../../../../sandbox-policy/policy.ts'
import { configOf, startSessions } from '../sessions/fixture.ts'

const [GATEWAY, SANDBOX] = ['127.213.1.6', '127.213.1.2'] as const
const POLICY = {
  allow: [{ host: 'allowed.test' }, { host: '**.cdn.test' }, { host: 'db.test', port: 5432, protocol: 'tcp' }],
}

function start(more: Partial<SandboxConfig> = {}, policy: object = POLICY) {
  const { sessions, records } = startSessions()
  const put = (allowed: object, version: number) =>
    sessions.put(
      configOf({
        gatewayAddress: GATEWAY,
        sandboxAddress: SANDBOX,
        policy: { policy: Policy.parse(allowed) },
        policyVersion: version,
        ...more,
      }),
    )
  put(policy, 1)
  const session = sessions.all()[0]
  if (session === undefined) throw new Error('no session')
  return { sessions, session, records, put }
}

type QuestionParts = { type?: string; class?: string; flags?: number; more?: object }
const query = (name: string, { type = 'A', flags = 0x100, more = {}, ...rest }: QuestionParts = {}): Buffer =>
  packets.encode({
    type: 'query',
    id: 4711,
    flags,
    questions: [{ type: type as 'A', class: (rest.class ?? 'IN') as 'IN', name }],
    ...more,
  })
const labels = (...parts: string[]) =>
  Buffer.concat([
    Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ...parts.map((part) => Buffer.concat([Buffer.of(part.length), Buffer.from(part, 'latin1')])),
    Buffer.from([0, 0, 1, 0, 1]),
  ])

describe('answerDns()', () => {
  const { session } = start()
  const ask = (packet: Buffer) => {
    const answer = answerDns(packet, session)
    // The types leave `rcode` out.
    return (
      answer && {
        ...(packets.decode(answer.bytes) as packets.DecodedPacket & { rcode: string }),
        refusal: answer.refusal,
      }
    )
  }

  test('answers an allowed name with the gateway, for two seconds, in the spelling of the question (C08)', () => {
    const answer = ask(query('aLLoWed.TeSt'))
    expect(answer).toMatchObject({
      id: 4711,
      type: 'response',
      rcode: 'NOERROR',
      flag_qr: true,
      flag_aa: true,
      flag_rd: true,
    })
    expect(answer?.questions).toMatchObject([{ name: 'aLLoWed.TeSt', type: 'A' }])
    expect(answer?.answers).toMatchObject([{ name: 'aLLoWed.TeSt', type: 'A', ttl: 2, data: GATEWAY }])
    expect(answer?.refusal).toBeUndefined()
  })

  test.each(['cdn.test', 'a.b.cdn.test', 'db.test'])('answers for %s', (name) => {
    expect(ask(query(name))?.answers).toMatchObject([{ data: GATEWAY }])
  })

  test.each(['AAAA', 'TXT', 'MX', 'NULL', 'ANY', 'SRV', 'CNAME', 'UNKNOWN_65', 'UNKNOWN_64', 'NS', 'SOA', 'AXFR'])(
    'C03 has nothing else: %s of an allowed name is NODATA',
    (type) => {
      const packet = query('allowed.test', { type: type === 'ANY' ? '*' : type.startsWith('UNKNOWN') ? 'A' : type })
      if (type.startsWith('UNKNOWN')) packet.writeUInt16BE(Number(type.slice(8)), packet.length - 4)
      expect(ask(packet)).toMatchObject({ rcode: 'NOERROR', answers: [], refusal: undefined })
    },
  )

  test.each([
    ['evil.test', 'host'],
    ['secret-in-hex.evil.test', 'host'],
    ['xallowed.test', 'host'],
    ['allowed.test.evil.test', 'host'],
    ['1.0.213.127.in-addr.arpa', 'host'],
    ['model.drydock.internal', 'host'],
    ['drydock.internal', 'self'],
    ['127.0.0.1', 'ip-literal'],
    ['', 'malformed'],
    ['al lowed.test', 'malformed'],
  ])('C02 %j does not exist, and its record says %s', (name, reason) => {
    expect(ask(query(name))).toMatchObject({ rcode: 'NXDOMAIN', answers: [], refusal: { reason } })
  })

  test('a label that holds a dot is no way to spell an allowed name', () => {
    expect(ask(labels('www', 'cdn', 'test'))?.rcode).toBe('NOERROR')
    for (const packet of [labels('www.cdn', 'test'), labels('www.cdn.test'), labels('\0www', 'cdn', 'test')])
      expect(answerDns(packet, session)?.refusal).toMatchObject({ host: null, reason: 'malformed' })
    expect(answerDns(labels('a\x1b[1m.b\\', 'test'), session)?.refusal?.asked).toBe('a\\027[1m\\046b\\092.test')
  })

  test('another class is refused', () => {
    expect(ask(query('version.bind', { class: 'CH', type: 'TXT' }))).toMatchObject({ rcode: 'REFUSED' })
    expect(ask(query('allowed.test', { class: 'ANY' }))).toMatchObject({ rcode: 'REFUSED', answers: [] })
  })

  test('EDNS is answered in kind', () => {
    const packet = query('allowed.test', { more: { additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 4096 }] } })
    expect(ask(packet)?.additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232 }])
    expect(ask(query('allowed.test'))?.additionals).toEqual([])
  })

  const one = query('allowed.test')
  const withByte = (at: number, byte: number) => Buffer.from(one).fill(byte, at, at + 1)
  test.each([
    ['a response', withByte(2, 0x81)],
    ['another opcode', withByte(2, 0x28)],
    ['no question', withByte(5, 0)],
    ['two questions', withByte(5, 2)],
    ['an answer', withByte(7, 1)],
    ['an authority', withByte(9, 1)],
    ['many additionals', withByte(10, 0xff)],
    [
      'an additional that is no OPT',
      Buffer.concat([withByte(11, 1), Buffer.from([0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 0])]),
    ],
    ['a cut OPT', Buffer.concat([withByte(11, 1), Buffer.from([0, 0, 41, 4, 0, 0, 0, 0, 0, 0])])],
    [
      'two OPTs',
      Buffer.concat([
        withByte(11, 2),
        Buffer.from([0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 0]),
        Buffer.from([0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 0]),
      ]),
    ],
    ['bytes behind it', Buffer.concat([one, Buffer.of(0)])],
    ['a compression pointer', withByte(12, 0xc0)],
    ['a label over 63 bytes', withByte(12, 64)],
    ['a cut name', one.subarray(0, 20)],
    ['a cut question', one.subarray(0, one.length - 1)],
    ['nothing', Buffer.alloc(0)],
    ['a long name', labels(...Array<string>(5).fill('a'.repeat(60)))],
    ['a big packet', Buffer.concat([withByte(11, 1), Buffer.alloc(2000)])],
  ])('%s gets no answer', (_what, packet) => {
    expect(answerDns(packet, session)).toBeUndefined()
  })

  test('the gateway’s own names need their grant', () => {
    const granted = start({ phase: 'agent', model: {} as ModelGrant, repositories: ['demo'] }, { allow: [] }).session
    for (const name of ['model.drydock.internal', 'git.drydock.internal'])
      expect(packets.decode(answerDns(query(name), granted)?.bytes ?? Buffer.alloc(0)).answers).toHaveLength(1)
    const setup = start({ phase: 'setup', model: {} as ModelGrant }).session
    expect(answerDns(query('model.drydock.internal'), setup)?.refusal).toMatchObject({ reason: 'host' })
  })

  test('whatever comes, it never throws, echoes the question, and a decoder reads the same', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each)),
      fc
        .tuple(
          fc.constantFrom(one, query('x.cdn.test'), labels('a', 'evil', 'test')),
          fc.array(fc.tuple(fc.nat(40), fc.nat(255)), { maxLength: 4 }),
        )
        .map(([base, changes]) => {
          const packet = Buffer.from(base)
          for (const [at, byte] of changes) if (at < packet.length) packet[at] = byte
          return packet
        }),
    )
    fc.assert(
      fc.property(bytes, (packet) => {
        const answer = answerDns(packet, session)
        if (answer === undefined) return
        const question = readQuery(packet)?.question ?? Buffer.alloc(0)
        expect(answer.bytes.subarray(12, 12 + question.length).equals(question)).toBe(true)
        const decoded = packets.decode(answer.bytes)
        expect(decoded.questions).toEqual(
          packets.decode(Buffer.concat([packet.subarray(0, 11), Buffer.of(0), question])).questions,
        )
        for (const each of decoded.answers ?? []) {
          expect(each).toMatchObject({ type: 'A', data: GATEWAY })
          expect(each.name.toLowerCase()).toMatch(/^(allowed\.test|db\.test|([a-z0-9_-]+\.)*cdn\.test)$/)
        }
      }),
      { numRuns: 5000 },
    )
  })
})

describe('openDns()', () => {
  let dns: DnsServer
  let world: ReturnType<typeof start>
  const open = async (more?: Partial<SandboxConfig>) => {
    world = start(more)
    dns = await openDns(
      {
        find: world.sessions.find,
        findByRemote: (remote) => world.sessions.all().find((each) => each.sandboxAddress === remote),
      },
      { bind: GATEWAY, port: 0 },
    )
  }
  beforeEach(() => open())
  afterEach(async () => {
    await world.sessions.removeAll()
    await dns[Symbol.asyncDispose]()
  })

  const resolverOf = (address: string, timeout = 20_000) => {
    const resolver = new Resolver({ timeout, tries: 1 })
    resolver.setLocalAddress(address)
    resolver.setServers([`${GATEWAY}:${dns.port}`])
    return resolver
  }

  test('serves a real resolver, and leaves one record per refused question', async () => {
    const resolver = resolverOf(SANDBOX)
    expect(await resolver.resolve4('allowed.test')).toEqual([GATEWAY])
    await expect(resolver.resolve6('allowed.test')).rejects.toMatchObject({ code: 'ENODATA' })
    await expect(resolver.resolveTxt('allowed.test')).rejects.toMatchObject({ code: 'ENODATA' })
    expect(world.records).toEqual([])
    await expect(resolver.resolve4('evil.test')).rejects.toMatchObject({ code: 'ENOTFOUND' })
    expect(world.records).toMatchObject([
      { layer: 'dns', asked: 'evil.test', host: 'evil.test', verdict: 'deny', reason: 'host', ms: 0 },
    ])
  })

  test('C12 follows a change of the policy at once', async () => {
    const resolver = resolverOf(SANDBOX)
    await expect(resolver.resolve4('new.test')).rejects.toThrow()
    world.put({ allow: [{ host: 'new.test' }] }, 2)
    expect(await resolver.resolve4('new.test')).toEqual([GATEWAY])
    await expect(resolver.resolve4('allowed.test')).rejects.toThrow()
  })

  test('says nothing to senders that are no sandbox', async () => {
    await expect(resolverOf('127.213.1.3', 300).resolve4('allowed.test')).rejects.toMatchObject({
      code: /ETIMEOUT|ECANCELLED/ as never,
    })
  }, 10_000)

  test('C09 drops what is over the limit, records that once a second, and serves others meanwhile', async () => {
    await world.sessions.removeAll()
    await dns[Symbol.asyncDispose]()
    await open({ limits: { ...DEFAULT_SANDBOX_LIMITS, dnsPerSecond: 20 } })
    world.sessions.put(
      configOf({
        id: 's2',
        gatewayAddress: GATEWAY,
        sandboxAddress: '127.213.2.2',
        policy: { policy: Policy.parse(POLICY) },
      }),
    )
    const socket = createSocket('udp4')
    socket.bind({ address: SANDBOX, port: 0 })
    await once(socket, 'listening')
    let answers = 0
    socket.on('message', () => answers++)
    for (let i = 0; i < 500; i += 1) socket.send(query('evil.test'), dns.port, GATEWAY)
    expect(await resolverOf('127.213.2.2').resolve4('allowed.test')).toEqual([GATEWAY])
    await expect.poll(() => answers).toBe(20)
    const of = (reason: string) => world.records.filter((each) => each.sandbox === 's1' && each.reason === reason)
    await expect.poll(() => of('rate').length).toBe(1)
    expect(of('host')).toHaveLength(20)
    socket.close()
  })

  test('serves TCP, also in pieces, and ends a connection that asks too much or too long', async () => {
    const dial = () => connect({ host: GATEWAY, port: dns.port, localAddress: SANDBOX })
    const framed = (packet: Buffer) => Buffer.concat([Buffer.from([packet.length >> 8, packet.length & 0xff]), packet])
    const socket = dial()
    for (const byte of framed(query('allowed.test'))) socket.write(Buffer.of(byte))
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(packets.streamDecode(answer)?.answers).toMatchObject([{ data: GATEWAY }])
    let size = 0
    socket.on('data', (chunk: Buffer) => (size += chunk.length))
    for (let i = 0; i < 40; i += 1) socket.write(framed(query('allowed.test')))
    socket.on('error', () => {})
    await once(socket, 'close')
    expect(size).toBeLessThanOrEqual(15 * answer.length)
    const big = dial()
    big.on('error', () => {}).write(Buffer.from([0xff, 0xff]))
    await once(big, 'close')
  })
})
