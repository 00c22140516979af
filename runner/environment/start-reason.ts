import type { CacheOrders } from '../../domain/environments/cache.ts'
import type { Snapshot } from '../../domain/environments/snapshots.ts'
import type { KeyPart, KeyParts } from './snapshot-key.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

const CHANGED: Readonly<Record<Exclude<KeyPart, 'epoch'>, readonly [what: string, isPlural: boolean]>> = {
  image: ['the image', false],
  script: ['the set-up script', false],
  variables: ['the variables', true],
  secrets: ['the secrets of set-up', true],
  repositories: ['the repository', false],
  versions: ['the language versions', true],
  services: ['the services', true],
}

export type Wanted = { key: string; parts: KeyParts }

/** What is known when a start finds no snapshot: those of the environment at this host, the last one made first. */
export type Known = {
  snapshots: readonly Snapshot[]
  orders: Pick<CacheOrders, 'resetBy' | 'resetAt'> | undefined
  now: Date
}

/** Why there is no snapshot of a key to start from: exactly what changed since the last one. */
export function missReason({ key, parts }: Wanted, { snapshots, orders, now }: Known): string {
  const same = snapshots.find((snapshot) => snapshot.key === key)
  if (same) return lostReason(same, now)
  const [last] = snapshots
  if (last === undefined) return 'first build'
  if (last.parts['epoch'] !== undefined && last.parts['epoch'] !== parts.epoch) return resetReason(orders)
  const changed = (Object.keys(CHANGED) as (keyof typeof CHANGED)[]).filter((part) => last.parts[part] !== parts[part])
  return changedReason(changed)
}

function lostReason({ expiresAt, createdAt, removedAt, removedBecause }: Snapshot, now: Date): string {
  if (expiresAt <= now) return `older than ${age(expiresAt.getTime() - createdAt.getTime())}`
  if (removedAt !== null) return `the image was removed: ${removedBecause ?? 'nobody used it'}`
  return 'the image is gone from this engine'
}

function resetReason(orders: Known['orders']): string {
  if (!orders?.resetBy || !orders.resetAt) return 'the cache was reset'
  return `reset by ${orders.resetBy} at ${orders.resetAt.toISOString()}`
}

function changedReason(changed: readonly (keyof typeof CHANGED)[]): string {
  const names = changed.map((part) => CHANGED[part][0])
  const isPlural = names.length > 1 || changed.some((part) => CHANGED[part][1])
  const listed = names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)}` : names[0]
  return `${listed ?? 'the environment'} ${isPlural ? 'have' : 'has'} changed`
}

/** What a start from the cache says. */
export const hitReason = ({ createdAt, fromCommit }: Pick<Snapshot, 'createdAt' | 'fromCommit'>, now: Date): string =>
  `made ${age(now.getTime() - createdAt.getTime())} ago from ${fromCommit.slice(0, 10)}`

/** A time in the one unit that tells most, rounded down. */
export function age(ms: number): string {
  if (ms >= 2 * HOUR) return `${Math.floor(ms / HOUR)} h`
  if (ms >= 2 * MINUTE) return `${Math.floor(ms / MINUTE)} min`
  return `${Math.max(0, Math.floor(ms / SECOND))} s`
}
