import { expect, test } from 'vitest'
import { CAPS } from '../../domain/environments/limits.ts'
import { DrydockError } from '../../domain/errors.ts'
import type { NewEvent } from '../../domain/tasks/append-events.ts'
import { createMask, NO_MASK } from '../../runner/secrets/mask.ts'
import { openEventLog } from '../../runner/event-log.ts'

const never = () => {
  throw new Error('must not be lost')
}

test('openEventLog() stores events in order and flushes what is left on dispose', async () => {
  const stored: NewEvent[] = []
  {
    await using log = openEventLog({
      mask: NO_MASK,
      append: async (events) => void stored.push(...events),
      onLost: never,
    })
    for (let i = 0; i < 5; i++) await log.write('agent', 'output', { text: String(i) })
  }
  expect(stored.map((event) => event.payload['text'])).toEqual(['0', '1', '2', '3', '4'])
})

test('openEventLog() makes one statement of many lines and holds a fast writer back', async () => {
  const batches: number[] = []
  await using log = openEventLog({
    mask: NO_MASK,
    append: async (events) => void batches.push(events.length),
    onLost: never,
  })
  for (let i = 0; i < 5000; i++) await log.write('agent', 'output', { text: 'line' })
  await log.flush()
  expect(batches.reduce((sum, size) => sum + size, 0)).toBe(5000)
  expect(Math.max(...batches)).toBeLessThanOrEqual(500)
})

test('openEventLog() keeps no output beyond its cap, says so once, and keeps the rest', async () => {
  const stored: NewEvent[] = []
  await using log = openEventLog({
    mask: NO_MASK,
    append: async (events) => void stored.push(...events),
    onLost: never,
  })
  const text = 'x'.repeat(1024 * 1024)
  for (let i = 0; i < CAPS.logBytes / text.length + 5; i++) await log.write('agent', 'output', { text })
  await log.write('collect', 'phase', { status: 'started' })
  await log.flush()
  const kept = stored.filter((event) => event.kind === 'output').length * text.length
  expect(kept).toBeLessThanOrEqual(CAPS.logBytes)
  expect(stored.filter((event) => event.kind === 'notice')).toHaveLength(1)
  expect(stored.at(-1)?.kind).toBe('phase')
})

test('openEventLog() says that it is lost when the fence is stale, and writes nothing more', async () => {
  let lost = 0
  let calls = 0
  const append = async () => {
    calls++
    throw new DrydockError('stale-fence', 'Cannot write: gone')
  }
  await using log = openEventLog({ mask: NO_MASK, append, onLost: () => void lost++ })
  await log.write('agent', 'output', { text: 'a' })
  await log.flush()
  await log.write('agent', 'output', { text: 'b' })
  await log.flush()
  expect({ lost, calls }).toEqual({ lost: 1, calls: 1 })
})

test('openEventLog() counts what a row takes: empty lines reach the cap, too', async () => {
  let stored = 0
  await using log = openEventLog({
    mask: NO_MASK,
    append: async (events) => void (stored += events.length),
    onLost: never,
  })
  for (let i = 0; i < CAPS.logBytes / 100; i++) await log.write('agent', 'output', { stream: 'stdout', text: '' })
  await log.flush()
  expect(stored).toBeLessThan(CAPS.logBytes / 128)
})

test('openEventLog() hands on why nothing more can be written', async () => {
  const refused = new Error('disk full')
  const causes: unknown[] = []
  const log = openEventLog({
    mask: NO_MASK,
    append: () => Promise.reject(refused),
    onLost: (error) => causes.push(error),
  })
  await log.write('agent', 'output', { text: 'a' })
  await expect(log.flush()).rejects.toBe(refused)
  expect(causes).toEqual([refused])
})

test('openEventLog() masks every event, and a secret that goes over the end of a line', async () => {
  const stored: NewEvent[] = []
  const value = 's3cr3t-value-of-some-length'
  {
    const mask = createMask([value])
    await using log = openEventLog({ mask, append: async (events) => void stored.push(...events), onLost: never })
    const encoded = Buffer.from(value).toString('base64')
    await log.write('setup', 'output', { stream: 'stdout', text: `a ${value}` })
    await log.write('setup', 'output', { stream: 'stdout', text: encoded.slice(0, 12) })
    await log.write('setup', 'output', { stream: 'stderr', text: 'in between' })
    await log.write('setup', 'output', { stream: 'stdout', text: encoded.slice(12) })
    await log.write('agent', 'command', { id: '1', command: `echo ${value}`, files: [{ path: value }] })
    await log.write('agent', 'notice', { message: encoded })
  }
  expect(stored.map(({ payload }) => payload)).toEqual([
    { stream: 'stdout', text: 'a ***' },
    { stream: 'stdout', text: Buffer.from(value).toString('base64').slice(0, 12) },
    { stream: 'stderr', text: 'in between' },
    { stream: 'stdout', text: '***' },
    { id: '1', command: 'echo ***', files: [{ path: '***' }] },
    { message: '***' },
  ])
})
