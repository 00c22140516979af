import { progress, round } from '../support/report.ts'
import { cpuSeconds } from './containers.ts'
import { faultOf, fetchBulk, runFresh, runLoad, type FreshResult, type LoadInput, type LoadResult } from './load.ts'
import type { Target, TargetName, World } from './world.ts'

export type Shape = { runs: number; seconds: number; connections: number }

/** What one round found of one target. `cpuUs`: processor time of the proxy for each request. */
export type Figures = {
  keepaliveRps: number
  keepaliveCpuUs: number
  newConnRps: number
  newConnCpuUs: number
  bulkMBps: number
  bulkCpuMsPerMB: number
  p50Us: number
  p99Ms: number
}

export type Measured = {
  figures: Record<TargetName, Figures[]>
  /** Requests that were sent through the gateway. */
  asked: number
  faults: string[]
}

/** Measures all targets in turn, again and again, so that what disturbs the machine meets all of them. */
export async function measureRounds(world: World, shape: Shape): Promise<Measured> {
  const figures: Measured['figures'] = { drydock: [], nginx: [], squid: [], mitmproxy: [], direct: [] }
  const run = new Run(world, shape)
  for (const target of world.targets) await run.warm(target)
  for (let i = 1; i <= shape.runs; i++) {
    for (const target of world.targets) {
      const found = await run.measure(target)
      figures[target.name].push(found)
      progress(`run ${i} of ${shape.runs}: ${target.name.padEnd(9)} ${JSON.stringify(found)}`)
    }
  }
  return { figures, asked: run.asked, faults: run.faults }
}

class Run {
  readonly #threads: number
  readonly #shape: Shape
  readonly faults: string[] = []
  asked = 0

  constructor({ processors }: Pick<World, 'processors'>, shape: Shape) {
    this.#shape = shape
    this.#threads = Math.min(processors.restCount, shape.connections)
  }

  async warm(target: Target): Promise<void> {
    const { connections, seconds } = this.#shape
    await this.#load(target, { connections, threads: this.#threads, seconds })
    await this.#fresh(target, seconds)
  }

  async measure(target: Target): Promise<Figures> {
    const { connections, seconds } = this.#shape
    const many = { connections, threads: this.#threads, seconds }
    const keepalive = await this.#costOf(target, () => this.#load(target, many))
    const fresh = await this.#costOf(target, () => this.#fresh(target, seconds))
    const single = await this.#load(target, { connections: 1, threads: 1, seconds: Math.min(seconds, 2) })
    const bulk = await this.#costOf(target, () => this.#bulk(target))
    return {
      keepaliveRps: rps(keepalive.of),
      keepaliveCpuUs: round((keepalive.cpu * 1e6) / keepalive.of.answered),
      newConnRps: round(fresh.of.answered / fresh.of.seconds),
      newConnCpuUs: round((fresh.cpu * 1e6) / fresh.of.answered),
      bulkMBps: round(bulk.of),
      bulkCpuMsPerMB: round((bulk.cpu * 1000) / 200, 2),
      p50Us: single.p50Us,
      p99Ms: round(keepalive.of.p99Us / 1000, 2),
    }
  }

  async #load(target: Target, input: LoadInput): Promise<LoadResult> {
    const result = await runLoad(target.client, input)
    const fault = faultOf(result)
    if (fault !== undefined) this.faults.push(`${target.name}: ${fault}`)
    this.#count(target, result.asked)
    return result
  }

  async #fresh(target: Target, seconds: number): Promise<FreshResult> {
    const result = await runFresh(target.client, { connections: this.#shape.connections, seconds })
    if (result.asked !== result.answered) this.faults.push(`${target.name}, new connections: ${result.said}`)
    this.#count(target, result.asked)
    return result
  }

  async #bulk({ name, client, ca }: Target): Promise<number> {
    this.#count({ name }, 1)
    return fetchBulk(client, ca)
  }

  #count({ name }: Pick<Target, 'name'>, requests: number): void {
    if (name === 'drydock') this.asked += requests
  }

  async #costOf<T>({ proxy }: Target, work: () => Promise<T>): Promise<{ of: T; cpu: number }> {
    const before = proxy === undefined ? 0 : await cpuSeconds(proxy)
    const of = await work()
    return { of, cpu: proxy === undefined ? 0 : (await cpuSeconds(proxy)) - before }
  }
}

const rps = ({ inTime, seconds }: LoadResult) => round(inTime / seconds)
