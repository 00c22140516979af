import { expect, test } from 'vitest'
import type { MirrorView } from '../../forge/mirrors.ts'
import type { AgentAdapter } from '../../runner/agent/adapter.ts'
import { commandAgent } from '../../runner/agent/command.ts'
import type { AgentProgram } from '../../runner/agent/program.ts'
import { DrydockError } from '../../domain/errors.ts'
import type { EventLog } from '../../runner/event-log.ts'
import { AttemptFailure } from '../../runner/failure.ts'
import { CLOSED } from '../../runner/network-plan.ts'
import type { NetworkPlan } from '../../runner/network-plan.ts'
import { createPhases } from '../../runner/phases.ts'
import { runAttempt } from '../../runner/run-attempt.ts'
import type { RunAttemptDeps } from '../../runner/run-attempt.ts'
import { fakeSandboxes } from '../../runner/sandbox/fake.ts'
import type { FakeScript } from '../../runner/sandbox/fake.ts'
import { stopSwitch } from '../../runner/stop.ts'
import type { EffectivePolicy, ModelGrant } from '../../sandbox-policy/control.ts'
import { Policy } from '../../sandbox-policy/policy.ts'
import { aJob } from '../support/job.ts'
import { aPlan, fakeNetworks } from '../support/networks.ts'

const ALL: EffectivePolicy = { policy: Policy.parse({ preset: 'all', methods: 'all' }) }
const COMMON: EffectivePolicy = { policy: Policy.parse({ preset: 'common' }) }
const MODEL: ModelGrant = {
  wire: 'responses',
  baseUrl: 'https://model.test/v1',
  internal: false,
  models: [],
  features: [],
  budgetTokens: 10,
  maxOutputTokens: 10,
  concurrency: 1,
  idleMs: 1,
  totalMs: 1,
}
const modelAgent: AgentAdapter = { ...commandAgent, id: 'codex', wire: 'responses' }
const PROGRAM: AgentProgram = {
  id: 'codex',
  version: '1',
  sha256: 'abc',
  mount: { host: '/agents/x', target: '/opt/x' },
  argv0: '/opt/x/codex',
}
const isAgent = (command: readonly string[]) => command.join(' ').includes('/agent-home/')

function story(plan: NetworkPlan, script: FakeScript = {}, adapter = commandAgent) {
  const sandboxes = fakeSandboxes(script)
  const networks = fakeNetworks()
  const stop = stopSwitch()
  const log: EventLog = {
    write: async () => undefined,
    flush: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  }
  const view: MirrorView = {
    objects: '/mirrors/m/objects.git/objects',
    store: '/store',
    refs: ['main', 'other'].map((name) => ({ name: `refs/heads/${name}`, commit: 'a'.repeat(40) })),
    defaultBranch: 'main',
    [Symbol.asyncDispose]: async () => undefined,
  }
  const change = { tree: 't', patch: Buffer.from('p'), stats: { files: 1, additions: 1, deletions: 0 } }
  const usages: number[] = []
  const deps: RunAttemptDeps = {
    installation: 'i',
    setupSecrets: [],
    findSecrets: async () => [],
    log,
    phases: createPhases({ log, record: () => undefined, signal: stop.signal }),
    readyAgent: async () => ({ adapter, ...(adapter.wire && { program: PROGRAM }) }),
    createSandbox: sandboxes.create,
    networks,
    plan: aPlan(plan),
    readCredentials: async (names) =>
      Object.fromEntries(names.map((name) => [name, { header: 'authorization', value: `secret of ${name}` }])),
    modelGrant: async () => MODEL,
    serveView: async () => ({ folder: '/served/1', remove: async () => undefined }),
    recordUsage: async (usage) => void usages.push(usage.inputTokens),
    readImages: async () => undefined,
    keepSession: async () => undefined,
    earlierTurn: async () => undefined,
    earlierSession: async () => undefined,
    restoreSession: async () => undefined,
    resolveImage: async (name) => ({ ref: name, digest: 'sha256:1' }),
    services: { find: async () => [], start: async () => undefined },
    cache: { use: () => Promise.reject(new Error('nothing is set up here')) },
    recordStart: () => undefined,
    openMirror: async () => view,
    onStarted: () => undefined,
    warm: { want: () => false, take: async () => undefined, forget: () => undefined },
    checkOut: async () => ({ state: '', lines: [] }),
    collect: async () => ({ ...change, flagged: [], skipped: [] }),
    commit: async () => ({ commit: 'c', branch: 'b' }),
    enter: async () => undefined,
    recordBase: () => undefined,
    onLeftover: () => undefined,
    onSandboxLeft: () => undefined,
  }
  return { deps, stop, sandboxes, networks, usages }
}

test('runAttempt() gives a sandbox no network when nothing is to be reached', async () => {
  const { deps, stop, networks, sandboxes } = story({ setup: ALL, agent: undefined })
  await runAttempt(aJob(), deps, stop)
  expect(networks.made).toHaveLength(0)
  expect(sandboxes.made[0]?.spec.network).toBeUndefined()
})

test("runAttempt() permits the agent's policy, and gives the network back after the sandbox", async () => {
  const { deps, stop, networks, sandboxes } = story({ setup: undefined, agent: COMMON })
  await runAttempt(aJob(), deps, stop)
  const [network] = networks.made
  expect(sandboxes.made[0]?.spec).toMatchObject({
    network: { network: 'network-1' },
    env: { HTTP_PROXY: 'http://10.213.0.6:3128' },
  })
  expect(sandboxes.made[0]?.spec.mounts.map((mount) => mount.target)).toContain('/etc/drydock/ca-bundle.pem')
  expect(network?.grants).toMatchObject([{ phase: 'agent', policy: COMMON, repositories: { repo: '/served/1' } }])
  expect(network?.grants[0]?.model).toBeUndefined()
  expect(network?.closed).toBe(true)
})

test('runAttempt() lets maintenance reach what set-up reaches on the default branch only', async () => {
  const grantsFor = async (branch: string) => {
    const { deps, stop, networks } = story({ setup: ALL, agent: COMMON })
    await runAttempt(aJob({ environment: { maintenanceScript: 'make' }, task: { branch } }), deps, stop)
    return networks.made[0]?.grants.map((grant) => [grant.phase, grant.policy])
  }
  // In between, when the change of an earlier turn is applied, nothing passes.
  expect(await grantsFor('main')).toEqual([
    ['setup', ALL],
    ['setup', CLOSED],
    ['agent', COMMON],
  ])
  expect(await grantsFor('other')).toEqual([
    ['agent', COMMON],
    ['agent', CLOSED],
    ['agent', COMMON],
  ])
})

test('runAttempt() shuts set-up before it applies what an earlier turn left (R19)', async () => {
  const { deps, stop, networks } = story({ setup: ALL, agent: COMMON })
  const inForce: unknown[] = []
  const create = deps.createSandbox
  deps.createSandbox = (spec) => {
    const sandbox = create(spec)
    const exec = sandbox.exec.bind(sandbox)
    sandbox.exec = (input, signal) => {
      if (input.stdin !== undefined) inForce.push(networks.made[0]?.grants.at(-1)?.policy)
      return exec(input, signal)
    }
    return sandbox
  }
  const left = { baseCommit: 'a'.repeat(40), patch: Buffer.from('a patch') }
  deps.earlierTurn = async () => ({ repositoryId: 'repo1', ...left, changes: [] })
  await runAttempt(aJob({ environment: { maintenanceScript: 'make' }, turn: { n: 2 } }), deps, stop)
  expect(inForce).toEqual([CLOSED])
})

test('runAttempt() closes everything when a changed plan cannot be put in force, and opens it when it can again', async () => {
  const npm = { policy: Policy.parse({ allow: [{ host: 'npm.test', credential: 'npm' }] }) }
  const plan = aPlan({ setup: undefined, agent: ALL })
  const { deps, stop, networks } = story({ setup: undefined, agent: ALL })
  deps.plan = plan
  let isAway = true
  const read = deps.readCredentials
  deps.readCredentials = async (names) => {
    if (names.length > 0 && isAway) throw new Error('no such key')
    return read(names)
  }
  deps.enter = async (state) => {
    if (state !== 'collecting') return
    await expect(plan.change({ setup: undefined, agent: npm })).rejects.toThrow('no such key')
    isAway = false
    await plan.change({ setup: undefined, agent: npm })
  }
  await runAttempt(aJob(), deps, stop)
  expect(networks.made[0]?.grants.map(({ phase, policy }) => [phase, policy])).toEqual([
    ['agent', ALL],
    ['agent', CLOSED],
    ['agent', npm],
  ])
})

test('runAttempt() asks for the model anew when the plan changes, and ends with the model', async () => {
  const plan = aPlan({ setup: undefined, agent: undefined })
  const { deps, stop, networks } = story({ setup: undefined, agent: undefined }, {}, modelAgent)
  deps.plan = plan
  let asked = 0
  deps.modelGrant = async () => {
    if (++asked > 1) throw new AttemptFailure('model-unavailable', 'the provider is gone')
    return MODEL
  }
  deps.enter = async (state) => {
    if (state === 'collecting')
      await plan.change({ setup: undefined, agent: undefined, granted: 'other' }).catch(() => {})
  }
  await runAttempt(aJob(), deps, stop)
  expect(networks.made[0]?.grants.map(({ model }) => model)).toEqual([MODEL, undefined])
})

test("runAttempt() keeps an agent's own failure, and its change, when the gateway cannot say what was used", async () => {
  const script: FakeScript = { exec: ({ spec }) => ({ code: isAgent(spec.command) ? 1 : 0 }) }
  const { deps, stop, networks } = story({ setup: undefined, agent: undefined }, script, modelAgent)
  const take = networks.take
  deps.networks = {
    take: async (...given) =>
      Object.assign(await take(...given), { usage: () => Promise.reject(new Error('the socket is gone')) }),
  }
  await expect(runAttempt(aJob(), deps, stop)).rejects.toMatchObject({
    reason: 'agent-exited',
    kept: { stats: { files: 1 } },
  })
})

test('runAttempt() succeeds when a network cannot be given back, and says so', async () => {
  const { deps, stop, networks } = story({ setup: ALL, agent: COMMON })
  const take = networks.take
  deps.networks = {
    take: async (...given) =>
      Object.assign(await take(...given), { close: () => Promise.reject(new Error('it has endpoints')) }),
  }
  const leftovers: unknown[] = []
  deps.onLeftover = (error) => void leftovers.push(error)
  await runAttempt(aJob(), deps, stop)
  expect(leftovers.map(String)).toEqual(['Error: it has endpoints'])
})

test('runAttempt() goes on without a conversation that no key opens', async () => {
  const { deps, stop } = story({ setup: undefined, agent: undefined }, {}, modelAgent)
  deps.earlierTurn = async () => ({ repositoryId: null, baseCommit: null, patch: null, changes: [] })
  deps.earlierSession = async () => {
    throw new DrydockError('key-unavailable', 'Cannot open it')
  }
  await expect(runAttempt(aJob({ turn: { n: 2 } }), deps, stop)).resolves.toBeDefined()
})

test('runAttempt() gives an agent that needs a model nothing but the model when the policy is off', async () => {
  const { deps, stop, networks, usages, sandboxes } = story({ setup: ALL, agent: undefined }, {}, modelAgent)
  const take = networks.take
  deps.networks = {
    take: async (...given) => {
      const network = await take(...given)
      Object.assign(network, {
        spent: { inputTokens: 7, outputTokens: 1, requests: 1, budgetLeft: 2, exhausted: false },
      })
      return network
    },
  }
  await runAttempt(aJob(), deps, stop)
  expect(networks.made[0]?.grants).toMatchObject([{ phase: 'agent', model: MODEL, policy: { policy: { allow: [] } } }])
  expect(usages).toEqual([7])
  expect(sandboxes.made[0]?.spec.mounts).toContainEqual({ host: '/agents/x', target: '/opt/x' })
})

test('runAttempt() names a used-up budget, and keeps what the agent changed', async () => {
  const script: FakeScript = { exec: ({ spec }) => ({ code: isAgent(spec.command) ? 1 : 0 }) }
  const { deps, stop, networks } = story({ setup: undefined, agent: undefined }, script, modelAgent)
  const take = networks.take
  deps.networks = {
    take: async (...given) => {
      const network = await take(...given)
      Object.assign(network, {
        spent: { inputTokens: 9, outputTokens: 1, requests: 3, budgetLeft: 0, exhausted: true },
      })
      return network
    },
  }
  await expect(runAttempt(aJob(), deps, stop)).rejects.toMatchObject({
    reason: 'budget-exhausted',
    kept: { stats: { files: 1 } },
  })
})

test('runAttempt() sets only the credentials that a rule of the phase names', async () => {
  const agent = { policy: Policy.parse({ allow: [{ host: 'npm.test', credential: 'npm' }] }) }
  const { deps, stop, networks } = story({ setup: undefined, agent })
  await runAttempt(aJob(), deps, stop)
  expect(networks.made[0]?.grants[0]?.credentials).toEqual({
    npm: { header: 'authorization', value: 'secret of npm' },
  })
})
