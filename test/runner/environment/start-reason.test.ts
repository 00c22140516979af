import { describe, expect, test } from 'vitest'
import type { Snapshot } from '../../../domain/environments/snapshots.ts'
import { keyParts, snapshotKey } from '../../../runner/environment/snapshot-key.ts'
import type { KeyInput } from '../../../runner/environment/snapshot-key.ts'
import { age, hitReason, missReason } from '../../../runner/environment/start-reason.ts'

const HOUR = 3_600_000
const NOW = new Date('2026-01-02T12:00:00Z')
const BASE: KeyInput = {
  image: 'sha256:1',
  script: 'npm ci',
  variables: {},
  secrets: [],
  repositories: ['/srv/a'],
  versions: {},
  services: [],
  epoch: 0,
}
const wanted = (change: Partial<KeyInput> = {}) => {
  const parts = keyParts({ ...BASE, ...change })
  return { parts, key: snapshotKey(parts) }
}

function snapshot(change: Partial<Snapshot> = {}): Snapshot {
  const createdAt = change.createdAt ?? new Date(NOW.getTime() - HOUR)
  return {
    ...{ id: 's', hostId: 'h', environmentId: 'e', image: 'drydock/snapshot:1', fromCommit: 'a'.repeat(40) },
    ...{ sizeBytes: 1, expiresAt: new Date(createdAt.getTime() + 12 * HOUR), lastUsedAt: createdAt },
    ...{ removedAt: null, removedBecause: null, createdAt },
    ...wanted(),
    ...change,
  }
}

const reason = (change: Partial<KeyInput>, snapshots: Snapshot[], orders?: { resetBy: string; resetAt: Date }) =>
  missReason(wanted(change), { snapshots, orders, now: NOW })

describe('missReason()', () => {
  test.each<[string, Partial<KeyInput>]>([
    ['the image has changed', { image: 'sha256:2' }],
    ['the set-up script has changed', { script: 'yarn' }],
    ['the variables have changed', { variables: { A: '1' } }],
    ['the secrets of set-up have changed', { secrets: [{ name: 'T', version: 1 }] }],
    ['the repository has changed', { repositories: ['/srv/b'] }],
    ['the language versions have changed', { versions: { node: '22' } }],
    ['the image and the set-up script have changed', { image: 'sha256:2', script: 'yarn' }],
    [
      'the image, the set-up script and the variables have changed',
      { image: 'sha256:2', script: 'yarn', variables: { A: '1' } },
    ],
  ])('says "%s"', (text, change) => {
    expect(reason(change, [snapshot()])).toBe(text)
  })

  test('says "first build" when there was none before', () => {
    expect(reason({}, [])).toBe('first build')
  })

  test('names who reset the cache and when, whatever else changed with it', () => {
    const orders = { resetBy: 'Ada', resetAt: new Date('2026-01-02T11:30:00Z') }
    expect(reason({ epoch: 1, script: 'yarn' }, [snapshot()], orders)).toBe('reset by Ada at 2026-01-02T11:30:00.000Z')
  })

  test('says that it is too old, also when its image was removed for that', () => {
    const createdAt = new Date(NOW.getTime() - 13 * HOUR)
    expect(reason({}, [snapshot({ createdAt })])).toBe('older than 12 h')
    expect(reason({}, [snapshot({ createdAt, removedAt: NOW, removedBecause: 'it expired' })])).toBe('older than 12 h')
  })

  test('says why an image was removed before its time, and that one is gone which nobody removed', () => {
    const removed = snapshot({ removedAt: NOW, removedBecause: 'the disk was short' })
    expect(reason({}, [removed])).toBe('the image was removed: the disk was short')
    expect(reason({}, [snapshot()])).toBe('the image is gone from this engine')
  })

  test('compares with the last snapshot, not with an earlier one', () => {
    const earlier = snapshot({ ...wanted({ script: 'old' }), createdAt: new Date(NOW.getTime() - 3 * HOUR) })
    const last = snapshot({ ...wanted({ image: 'sha256:0' }) })
    expect(reason({}, [last, earlier])).toBe('the image has changed')
  })
})

test('hitReason() tells age and commit', () => {
  expect(hitReason(snapshot(), NOW)).toBe('made 60 min ago from aaaaaaaaaa')
})

test.each([
  [-5, '0 s'],
  [1999, '1 s'],
  [119_999, '119 s'],
  [120_000, '2 min'],
  [2 * HOUR - 1, '119 min'],
  [2 * HOUR, '2 h'],
  [50 * HOUR, '50 h'],
])('age(%i) is "%s"', (ms, text) => expect(age(ms)).toBe(text))
