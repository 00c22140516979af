import { pino } from 'pino'
import { expect, test } from 'vitest'
import { collectImages } from '../../../runner/environment/collect-images.ts'

const NOW = new Date('2026-01-10T00:00:00Z')
const DAY = 86_400_000
const CURRENT = 'drydock/base:aaaaaaaaaaaa'

type Script = { own?: Record<string, number>; plain?: Record<string, number>; inUse?: string[]; tags?: string[] }

/** Collects at an engine with such tags, each used so many days ago. Gives what was removed and what was touched. */
async function collect({ own = {}, plain = {}, inUse = [], tags = [CURRENT] }: Script) {
  const removed: string[] = []
  const touched: string[] = []
  const asked: unknown[] = []
  const images = (days: Record<string, number>) =>
    Object.entries(days).map(([ref, ago]) => ({ ref, usedAt: new Date(NOW.getTime() - ago * DAY) }))
  await collectImages(
    {
      engine: {
        touchImage: async (ref) => void touched.push(ref),
        async taggedImages(of) {
          asked.push(of)
          return images('plainOf' in of ? plain : own)
        },
        async removeImage(ref) {
          if (ref === inUse[0]) throw new Error('the engine refuses')
          if (inUse.includes(ref)) return false
          removed.push(ref)
          return true
        },
      },
      ownTags: async () => tags,
      hostId: 'installation1',
      logger: pino({ level: 'silent' }),
    },
    NOW,
  )
  return { removed, touched, asked }
}

test('collectImages() removes tags of ours that nobody used for a week, and never those that this server works with', async () => {
  const { removed, touched } = await collect({
    own: { [CURRENT]: 30, 'drydock/base:bbbbbbbbbbbb': 6.9, 'drydock/base:cccccccccccc': 7.1 },
  })
  expect(removed).toEqual(['drydock/base:cccccccccccc'])
  expect(touched).toEqual([CURRENT])
})

test.each(['drydock/base:latest', 'drydock/base:mine', 'example.test/base:cccccccccccc'])(
  'collectImages() leaves a tag alone that is not one that we make: %s',
  async (ref) => {
    expect((await collect({ own: { [ref]: 100 } })).removed).toEqual([])
  },
)

test('collectImages() removes images without volumes of this installation after a day', async () => {
  const { removed, asked } = await collect({
    plain: { 'drydock/without-volumes:one': 0.9, 'drydock/without-volumes:two': 1.1 },
  })
  expect(removed).toEqual(['drydock/without-volumes:two'])
  expect(asked).toEqual([{ repositories: ['drydock/base'] }, { plainOf: 'installation1' }])
})

test('collectImages() goes on when one cannot be removed, or is in use', async () => {
  const [refused = '', used = '', last = ''] = ['b', 'c', 'd'].map((letter) => `drydock/base:${letter.repeat(12)}`)
  const { removed } = await collect({ own: { [refused]: 9, [used]: 9, [last]: 9 }, inUse: [refused, used] })
  expect(removed).toEqual([last])
})

test('collectImages() looks for none of ours where other tags are configured', async () => {
  const { asked } = await collect({ tags: ['registry.test/base:1'] })
  expect(asked[0]).toEqual({ repositories: [] })
})
