import { gatewayName, groundName } from '../runner/network/gateway-containers.ts'
import { setTimeout as delay } from 'node:timers/promises'
import { docker } from './gateway/containers.ts'
import { SERVICES, killContainer, type Service } from './fault-gateway/kills.ts'
import type { RunnerChild } from './fault-gateway/runner-child.ts'
import { backAfter, type Sandboxes } from './fault-gateway/sandboxes.ts'
import { judgeLedger, readLedger } from './fault-gateway/verdict.ts'
import { CONTROL, createWorld, type World } from './fault-gateway/world.ts'
import { numbers, type BenchOptions } from './support/options.ts'
import { runAsProgram } from './support/program.ts'
import { seededRandom } from './support/random.ts'
import { load, progress, report, round } from './support/report.ts'
import { percentile } from './support/statistics.ts'

/**
 * Service must be back after a kill. The gateway: issue 3. The ground: the engine attaches it to one network after the
 * other, which is nearly all of its time; nobody but an administrator kills it.
 */
const BACK_BOUND_MS = { 'gateway process': 2000, 'gateway container': 2000, 'ground container': 15_000 }
const LEASE_MS = 12_000
/** From the end of a lease to the last request of those under way. */
const LEASE_SLACK_MS = 1500
const BACK_LIMIT_MS = 20_000
const SETTLE_MS = 400

/** Kills the gateway and the runner beside it under load, and has an outside server say what got through. */
export async function run(options: BenchOptions): Promise<number> {
  const input = numbers(options.args, {
    ...{ kills: 20, sandboxes: 20, 'runner-kills': -1, seed: Date.now() % 1_000_000, 'pause-ms': 150 },
  })
  const runnerKills = input['runner-kills'] < 0 ? input.kills : input['runner-kills']
  progress(
    `${input.kills} kills of each kind, ${runnerKills} of the runner, ${input.sandboxes} sandboxes, --seed ${input.seed}`,
  )
  await using world = await createWorld(input['pause-ms'])
  const fault = new Fault(world, { count: input.sandboxes, random: seededRandom(input.seed) })
  await fault.start()
  for (const kind of shuffled(SERVICES, input.kills, fault.random)) await fault.killService(kind)
  for (let number = 0; number < runnerKills; number++) await fault.killRunner(number)
  const result = await fault.finish()
  const { findings, ...figures } = result
  return report(options, { ...input, 'runner-kills': runnerKills, ...figures, load: load() }, findings)
}

type FaultInput = { count: number; random: () => number }

class Fault {
  readonly random: () => number
  readonly #world: World
  readonly #count: number
  readonly #findings: string[] = []
  readonly #back = new Map<Service, number[]>()
  readonly #lastPassed: number[] = []
  readonly #adopted: number[] = []
  #runner: RunnerChild
  #sandboxes: Sandboxes
  #ways = 0
  #requests = 0
  #failures = 0

  constructor(world: World, { count, random }: FaultInput) {
    this.#world = world
    this.#count = count
    this.random = random
    this.#runner = world.startRunner()
    this.#sandboxes = world.createSandboxes()
  }

  async start(): Promise<void> {
    await this.#sandboxes.start(await this.#runner.take(this.#count))
    await this.#untilAllServed(Date.now(), 'the start')
  }

  /** Kills the gateway or its ground at a random moment, and waits until every sandbox is served again. */
  async killService(kind: Service): Promise<void> {
    const { installation } = this.#world
    const gateway = gatewayName(installation)
    await delay(300 + this.random() * 1500)
    const before = await startedAt(gateway)
    const name = kind === 'ground container' ? groundName(installation) : gateway
    const moment = await killContainer(name, kind === 'gateway process' ? 'signal' : 'engine')
    const until = Date.now() + BACK_LIMIT_MS
    const isBack = async () => !['', before].includes(await startedAt(gateway))
    while (!(await isBack()) && Date.now() < until) await delay(250)
    await this.#untilAllServed(Date.now(), kind)
    const backs = this.#sandboxes.all.map(({ successes }) => backAfter(successes, moment) ?? Infinity)
    const back = Math.max(...backs)
    this.#back.set(kind, [...(this.#back.get(kind) ?? []), back])
    progress(`${kind}: served again after ${back} ms (median ${percentile(backs, 0.5)})`)
    if (back > BACK_BOUND_MS[kind]) this.#findings.push(`${kind}: a sandbox had no service for ${back} ms`)
    this.#forgetSuccesses()
  }

  /** Kills the runner, every other time the gateway with it. Its sandboxes must lose everything; a new one takes over. */
  async killRunner(number: number): Promise<void> {
    await delay(300 + this.random() * 3000)
    const [old, ids] = [this.#sandboxes, new Set(this.#sandboxes.all.map(({ id }) => id))]
    const withGateway = number % 2 === 1
    await Promise.all([
      this.#runner.killHard(),
      withGateway ? killContainer(gatewayName(this.#world.installation), 'engine') : undefined,
    ])
    const moment = Date.now()
    // A new one at once, or when all is over.
    const atOnce = number % 4 < 2
    const taking = atOnce ? this.#takeOver() : undefined
    await delay(Math.max(0, moment + LEASE_MS + LEASE_SLACK_MS - Date.now()))
    const over = Date.now()
    await delay(1500)
    const last = this.#world.recorder.arrivals.filter(({ path }) => ids.has(path.split('/')[2] ?? '')).at(-1)?.at ?? 0
    this.#lastPassed.push(Math.max(0, last - moment))
    if (last > over)
      this.#findings.push(`a sandbox of a dead runner passed a request ${last - moment} ms after its end`)
    if (old.all.some(({ successes }) => successes.some(({ to }) => to > over)))
      this.#findings.push('a sandbox of a dead runner was served after its lease')
    await old.remove()
    this.#addUp()
    this.#sandboxes = this.#world.createSandboxes()
    await this.#sandboxes.start(await (taking ?? this.#takeOver()))
    await this.#untilAllServed(Date.now(), 'a new runner')
    const how = `${withGateway ? 'with' : 'without'} the gateway, ${atOnce ? 'replaced at once' : 'replaced later'}`
    progress(
      `runner: its sandboxes passed nothing after ${last - moment} ms, a new one serves after ${this.#adopted.at(-1)} ms (${how})`,
    )
  }

  /** Ends everything in good order and judges what is left. */
  async finish() {
    const { recorder, store, installation } = this.#world
    await this.#sandboxes.remove()
    this.#addUp()
    await delay(500)
    await this.#runner.close()
    const ledger = readLedger(store)
    const remains = await this.#world.remains()
    const strays = recorder.strays.filter((stray) => !stray.includes(CONTROL))
    const denied = ledger.records.filter(({ verdict }) => verdict === 'deny').length
    const findings = [
      ...this.#findings,
      ...judgeLedger(recorder.arrivals, ledger),
      ...(strays.length > 0
        ? [`${strays.length} requests reached what they must not reach: ${strays.slice(0, 3).join(', ')}`]
        : []),
      ...(recorder.strays.length === strays.length ? ['the control did not arrive: a way out would not be seen'] : []),
      ...(denied === 0 || this.#ways === 0 ? ['no way out was tried'] : []),
      ...(remains.length > 0 ? [`left at the engine of ${installation}: ${remains.join(', ')}`] : []),
    ]
    if (findings.length > 0) for (const line of [...new Set(this.#world.log)].slice(-20)) progress(`  | ${line}`)
    return {
      backMs: Object.fromEntries([...this.#back].map(([kind, times]) => [kind, spread(times)])),
      afterRunnerMs: { lastRequest: spread(this.#lastPassed), newRunnerServes: spread(this.#adopted) },
      ...{
        arrivals: recorder.arrivals.length,
        requests: this.#requests,
        failures: this.#failures,
        waysTried: this.#ways,
      },
      ledger: {
        records: ledger.records.length,
        denied,
        neverEnded: ledger.records.filter(({ ms }) => ms === null).length,
        torn: ledger.torn,
      },
      findings,
    }
  }

  async #takeOver() {
    const began = performance.now()
    this.#runner = this.#world.startRunner()
    return this.#runner.take(this.#count, () => this.#adopted.push(Math.round(performance.now() - began)))
  }

  async #untilAllServed(moment: number, what: string): Promise<void> {
    const unserved = () => this.#sandboxes.all.filter(({ successes }) => !successes.some(({ from }) => from >= moment))
    for (const until = moment + BACK_LIMIT_MS; unserved().length > 0; await delay(20)) {
      if (Date.now() < until) continue
      this.#findings.push(`${unserved().length} sandboxes have no service after ${what}`)
      return
    }
    await delay(SETTLE_MS)
  }

  #forgetSuccesses(): void {
    for (const sandbox of this.#sandboxes.all) this.#requests += sandbox.successes.splice(0).length
  }

  #addUp(): void {
    this.#forgetSuccesses()
    this.#findings.push(...this.#sandboxes.out)
    for (const { failures, tried } of this.#sandboxes.all) {
      this.#failures += failures
      this.#ways += tried
    }
  }
}

/** Empty while there is none of that name: with the ground, the gateway is made anew. */
const startedAt = (name: string) => docker('inspect', '--format', '{{.State.StartedAt}}', name).catch(() => '')

const spread = (times: readonly number[]) =>
  times.length === 0
    ? null
    : { count: times.length, p50: round(percentile(times, 0.5)), max: round(Math.max(...times)) }

function shuffled<T>(kinds: readonly T[], times: number, random: () => number): T[] {
  return Array.from({ length: times }, () => kinds)
    .flat()
    .map((kind) => [random(), kind] as const)
    .sort(([a], [b]) => a - b)
    .map(([, kind]) => kind)
}

await runAsProgram(import.meta.url, run)
