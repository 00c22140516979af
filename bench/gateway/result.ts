import { round } from '../support/report.ts'
import { median } from '../support/statistics.ts'
import type { Figures, Measured } from './rounds.ts'

const NAMES = [
  'keepaliveRps',
  'newConnRps',
  'bulkMBps',
  'p99Ms',
  'p50Us',
  'keepaliveCpuUs',
  'newConnCpuUs',
  'bulkCpuMsPerMB',
] as const satisfies readonly (keyof Figures)[]

/** Bounds of the issue: figure, against whom, at least this share. */
const BOUNDS = [
  ['keepaliveRps', 'nginx', 0.3],
  ['keepaliveRps', 'squid', 4],
  ['keepaliveRps', 'mitmproxy', 3],
  ['newConnRps', 'nginx', 0.5],
  ['newConnRps', 'squid', 2],
  ['bulkMBps', 'nginx', 0.9],
  ['bulkMBps', 'squid', 1],
] as const
const ADDED_P50_MS = 1.5

/** Medians of all runs, their spread, and what one is to the other. */
export function summarize(figures: Measured['figures']) {
  const medians = mapValues(figures, (runs) => mapNames((name) => round(median(runs.map((run) => run[name])), 2)))
  const spread = mapValues(figures, (runs) =>
    mapNames((name) => [Math.min(...runs.map((run) => run[name])), Math.max(...runs.map((run) => run[name]))]),
  )
  const { drydock, direct, ...rivals } = medians
  const ratio = mapValues(rivals, (rival) => ({
    keepaliveRps: round(drydock.keepaliveRps / rival.keepaliveRps, 2),
    newConnRps: round(drydock.newConnRps / rival.newConnRps, 2),
    bulkMBps: round(drydock.bulkMBps / rival.bulkMBps, 2),
    // How the work itself compares: less disturbed by what else the machine does.
    keepaliveWork: round(rival.keepaliveCpuUs / drydock.keepaliveCpuUs, 2),
    newConnWork: round(rival.newConnCpuUs / drydock.newConnCpuUs, 2),
    bulkWork: round(rival.bulkCpuMsPerMB / drydock.bulkCpuMsPerMB, 2),
  }))
  const addedP50Ms = round((drydock.p50Us - direct.p50Us) / 1000, 3)
  const missed = [
    ...BOUNDS.filter(([figure, rival, least]) => drydock[figure] < least * rivals[rival][figure]).map(
      ([figure, rival, least]) => `${figure} is ${ratio[rival][figure]} of ${rival}'s, below ${least}`,
    ),
    ...(addedP50Ms > ADDED_P50_MS ? [`a request takes ${addedP50Ms} ms longer, above ${ADDED_P50_MS} ms`] : []),
  ]
  return { ...medians, ratio, addedP50Ms, spread, missed }
}

function mapNames<T>(of: (name: (typeof NAMES)[number]) => T): Record<(typeof NAMES)[number], T> {
  return Object.fromEntries(NAMES.map((name) => [name, of(name)])) as Record<(typeof NAMES)[number], T>
}

function mapValues<K extends string, V, T>(of: Record<K, V>, to: (value: V) => T): Record<K, T> {
  return Object.fromEntries(Object.entries<V>(of).map(([key, value]) => [key, to(value)])) as Record<K, T>
}
