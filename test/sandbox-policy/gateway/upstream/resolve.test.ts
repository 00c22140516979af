import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import * as packets from 'dns-packet'
import { afterEach, describe, expect, test } from 'vitest'
import { createResolve } from '../../../../sandbox-policy/gateway/upstream/resolve.ts'

const { signal } = new AbortController()
const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

describe('createResolve()', () => {
  type Answers = Record<string, Partial<Record<string, string[] | 'SERVFAIL' | 'silence'>>>
  async function resolver(answers: Answers) {
    const asked: string[] = []
    const socket = createSocket('udp4')
    socket.on('message', (bytes, from) => {
      const packet = packets.decode(bytes)
      const { name = '', type = 'A' } = packet.questions?.[0] ?? {}
      asked.push(`${type} ${name}`)
      const answer = answers[name]?.[type] ?? []
      if (answer === 'silence') return
      const rcode = answer === 'SERVFAIL' ? 2 : answers[name] === undefined ? 3 : 0
      socket.send(
        packets.encode({
          id: packet.id ?? 0,
          type: 'response',
          flags: 0x8180 | rcode,
          questions: packet.questions ?? [],
          answers: (answer === 'SERVFAIL' ? [] : answer).map((data) => ({ type: type as 'A', name, ttl: 60, data })),
        }),
        from.port,
        from.address,
      )
    })
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    closing.push(() => socket.close())
    const clock = { now: 0, staticHosts: {} as Record<string, string[]> }
    const resolve = createResolve({
      staticHosts: () => clock.staticHosts,
      servers: [`127.0.0.1:${socket.address().port}`],
      now: () => clock.now,
    })
    return { resolve: (name: string, partition?: string) => resolve(name, signal, partition), asked, clock, answers }
  }

  test('gives both families, asks once for many, and again after five seconds', async () => {
    const { resolve, asked, clock, answers } = await resolver({
      'a.test': { A: ['93.184.216.34'], AAAA: ['2606:4700::1'] },
    })
    const all = await Promise.all([resolve('a.test'), resolve('a.test'), resolve('a.test')])
    expect(all[2]).toEqual(['93.184.216.34', '2606:4700::1'])
    expect(asked.sort()).toEqual(['A a.test', 'AAAA a.test'])
    answers['a.test'] = { A: ['10.0.0.1'] }
    clock.now = 4_999
    expect(await resolve('a.test')).toHaveLength(2)
    clock.now = 5_000
    expect(await resolve('a.test')).toEqual(['10.0.0.1'])
  })

  test('H05 a failure is no answer, and none is kept', async () => {
    const { resolve, answers } = await resolver({ 'a.test': { A: 'SERVFAIL', AAAA: 'SERVFAIL' } })
    await expect(resolve('a.test')).rejects.toMatchObject({ reason: 'upstream-dns' })
    answers['a.test'] = { A: ['127.0.0.1'] }
    expect(await resolve('a.test')).toEqual(['127.0.0.1'])
    await expect(resolve('none.test')).rejects.toMatchObject({ reason: 'upstream-dns' })
  })

  test('one family that fails or stays silent does not hold up the other', async () => {
    const { resolve } = await resolver({
      'a.test': { A: ['93.184.216.34'], AAAA: 'silence' },
      'b.test': { A: 'SERVFAIL', AAAA: ['2606:4700::1'] },
    })
    expect(await resolve('a.test')).toEqual(['93.184.216.34'])
    expect(await resolve('b.test')).toEqual(['2606:4700::1'])
  })

  test('fixed answers come first, and only under their own names', async () => {
    const { resolve, clock, asked } = await resolver({})
    clock.staticHosts = { 'a.test': ['10.1.2.3'], 'empty.test': [], 'odd.test': ['10.1.2'] }
    expect(await resolve('a.test')).toEqual(['10.1.2.3'])
    await expect(resolve('empty.test')).rejects.toMatchObject({ reason: 'upstream-dns' })
    await expect(resolve('odd.test')).rejects.toMatchObject({ reason: 'upstream-dns' })
    expect(asked).toEqual([])
    await expect(resolve('constructor')).rejects.toMatchObject({ reason: 'upstream-dns' })
  })

  test('names of silent servers, however many, leave the resolver to other sandboxes', async () => {
    const answers: Answers = { 'a.test': { A: ['93.184.216.34'] } }
    for (let index = 0; index < 200; index++) answers[`n${index}.test`] = { A: 'silence', AAAA: 'silence' }
    const { resolve, asked } = await resolver(answers)
    const waits = Object.keys(answers)
      .filter((name) => name !== 'a.test')
      .map((name) => resolve(name, 's1'))
    const early = await Promise.race(waits).catch((error: unknown) => error)
    expect(early).toMatchObject({ reason: 'upstream-dns', message: expect.stringContaining('too many') as string })
    await expect(resolve('a.test', 's1')).rejects.toMatchObject({ reason: 'upstream-dns' })
    expect(await resolve('a.test', 's2')).toEqual(['93.184.216.34'])
    expect(new Set(asked).size).toBeLessThanOrEqual(2 * 64 + 2)
    await Promise.allSettled(waits)
    expect(await resolve('none.test', 's1').catch(String)).not.toContain('too many')
  })

  test('a wait that is given up ends at once', async () => {
    const { resolve } = await resolver({ 'a.test': { A: 'silence', AAAA: 'silence' } })
    void resolve('a.test').catch(() => {})
    const gone = AbortSignal.abort()
    await expect(createResolve({ staticHosts: () => ({}) })('a.test', gone)).rejects.toMatchObject({
      reason: 'upstream-dns',
    })
  })
})
