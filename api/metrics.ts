import { sql } from 'drizzle-orm'
import { Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { Executor } from '../domain/db.ts'
import { LIVE_STATES } from '../domain/tasks/attempt.ts'

export type Metrics = {
  observeRequest(request: { method: string; route: string; status: number; seconds: number }): void
  /** The Prometheus text; reads the queue from the database. */
  render(db: Executor): Promise<string>
  contentType: string
}

/** Makes the metrics of one server in a registry of its own. */
export function createMetrics(options: { ofProcess: boolean }): Metrics {
  const registry = new Registry()
  if (options.ofProcess) collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const requests = new Histogram({
    name: 'drydock_http_request_seconds',
    help: 'Time to answer, by route; a stream counts until its first byte',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers,
  })
  const attempts = new Gauge({ name: 'drydock_attempts', help: 'Open attempts', labelNames: ['state'], registers })
  const queue = new Gauge({ name: 'drydock_queue_length', help: 'Attempts that wait for a runner', registers })
  return {
    observeRequest: ({ seconds, ...labels }) => requests.observe(labels, seconds),
    async render(db) {
      const open = await countOpen(db)
      for (const state of LIVE_STATES) attempts.set({ state }, open.get(state) ?? 0)
      attempts.set({ state: 'queued' }, open.get('queued') ?? 0)
      queue.set(open.get('queued') ?? 0)
      return registry.metrics()
    },
    contentType: registry.contentType,
  }
}

/** Counts by what is indexed or kept: with a million finished attempts it costs the same. */
async function countOpen(db: Executor): Promise<Map<string, number>> {
  const rows = await db.execute<{ state: string; n: number }>(sql`
    select state, count(*)::int as n from attempts where state in ('preparing', 'running', 'collecting') group by state
    union all
    select 'queued', ((select coalesce(sum(queued), 0) from user_load) + (select count(*) from load_arrivals))::int`)
  return new Map(rows.map(({ state, n }) => [state, n]))
}
