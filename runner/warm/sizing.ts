const HOUR_MS = 3_600_000
/** So many starts within the hour are worth one more sandbox that waits. */
const STARTS_EACH = 6

export type Bounds = {
  /** Over all environments. */
  most: number
  /** For each that was used within the hour; more where it is busier. */
  least: number
}

/** When sandboxes of one recipe were wanted, the latest last. */
export type Demand = { key: string; starts: readonly number[] }

/** Those of the last hour. */
export const recent = (starts: readonly number[], now: number): number[] => starts.filter((at) => at > now - HOUR_MS)

/** How many are to be ready of each: first some of all that are in use, the latest first, then more of the busy ones. */
export function sizes(demands: readonly Demand[], { most, least }: Bounds, now: number): Map<string, number> {
  const used = demands
    .map(({ key, starts }) => ({ key, starts: recent(starts, now) }))
    .filter(({ starts }) => starts.length > 0)
    .sort((a, b) => (b.starts.at(-1) ?? 0) - (a.starts.at(-1) ?? 0))
  const given = new Map<string, number>()
  let left = most
  const give = (key: string, wanted: number) => {
    const more = Math.min(left, Math.max(0, wanted - (given.get(key) ?? 0)))
    left -= more
    given.set(key, (given.get(key) ?? 0) + more)
  }
  for (const { key } of used) give(key, 1)
  for (const { key, starts } of used) give(key, Math.max(least, Math.ceil(starts.length / STARTS_EACH)))
  return given
}
