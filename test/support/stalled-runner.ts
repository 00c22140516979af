import { randomBytes } from 'node:crypto'
import { eq } from 'drizzle-orm'
import { pino } from 'pino'
import { DrydockError } from '../../domain/errors.ts'
import { attempts, events } from '../../domain/schema.ts'
import { parseKeyring } from '../../domain/secrets/keyring.ts'
import type { MirrorView } from '../../forge/mirrors.ts'
import { commandAgent } from '../../runner/agent/command.ts'
import { startRunner } from '../../runner/main.ts'
import type { RunnerDeps } from '../../runner/runner-deps.ts'
import type { Engine } from '../../runner/sandbox/engine.ts'
import { fakeSandboxes } from '../../runner/sandbox/fake.ts'
import type { FakeExec } from '../../runner/sandbox/fake.ts'
import { untilAborted } from '../../runner/sandbox/aborted.ts'
import type { TestDatabase } from './database.ts'
import { deferred } from '../../runner/deferred.ts'
import { fakeNetworks } from './networks.ts'
import { CHANGE, HEAD } from './story.ts'

/** Where the work on an attempt may stand still. */
export type Place = 'checkout' | 'image' | 'sandbox' | 'setup' | 'maintenance' | 'agent' | 'collect' | 'push'

export const SETUP = 'make ready'
export const MAINTENANCE = 'tidy up'
export const HOST = 'host'

/** What the work waits for, once, at one place: it comes no further by itself. */
export function stall(place: Place | undefined) {
  const reached = deferred()
  const opened = deferred()
  const ended = deferred()
  const died = new AbortController()
  let isOver = false
  let isUp = true
  const away = new DrydockError('engine-unavailable', 'Cannot go on: the Docker engine does not answer.')
  const mustBeUp = () => {
    if (!isUp) throw away
  }
  return {
    reached: reached.promise,
    /** Nothing waits there any more. */
    ended: ended.promise,
    open: opened.resolve,
    isUp: () => isUp,
    /** The engine goes away: all that waits for it fails, and nothing works until `revive`. */
    die() {
      isUp = false
      died.abort(away)
    },
    revive: () => void (isUp = true),
    mustBeUp,
    async at(here: Place, signal: AbortSignal, { ofEngine = true } = {}): Promise<void> {
      if (ofEngine) mustBeUp()
      if (here !== place || isOver) return
      isOver = true
      reached.resolve()
      try {
        await untilAborted(opened.promise, ofEngine ? AbortSignal.any([signal, died.signal]) : signal)
      } finally {
        ended.resolve()
      }
    },
  }
}
export type Stall = ReturnType<typeof stall>

const isAsk = (command: readonly string[]) => command.join(' ').includes('kill -s')

function placeOf({ command, env = {} }: FakeExec['spec']): Place | undefined {
  if (env['DRYDOCK_F0'] === SETUP) return 'setup'
  if (env['DRYDOCK_F0'] === MAINTENANCE) return 'maintenance'
  return command.join(' ').includes('/agent-home/') ? 'agent' : undefined
}

/** A runner on a real database with nothing else real around it, whose work stands still where the stall says. */
export async function stalledRunner(
  { db, client }: TestDatabase,
  at: Stall,
  { forgeOf = () => undefined }: Partial<Pick<RunnerDeps, 'forgeOf'>> = {},
) {
  const images = new Set(['drydock/base:1'])
  const sandboxes = fakeSandboxes({
    start: (signal) => at.at('sandbox', signal),
    exec: async ({ spec, signal }) => {
      at.mustBeUp()
      // Whoever asks the agent to end is heard.
      if (isAsk(spec.command)) at.open()
      const place = placeOf(spec)
      if (place) await at.at(place, signal)
      return { code: 0 }
    },
    killAll: at.mustBeUp,
    commit: (tag) => {
      images.add(tag)
      return { id: `sha256:${tag}`, sizeBytes: 7 }
    },
  })
  // A question to the engine knows nothing of whoever gave it up.
  const never = new AbortController().signal
  const engine = {
    createSandbox: sandboxes.create,
    listOwned: async () => [],
    imageInfo: async (ref: string) => {
      await at.at('image', never)
      return images.has(ref) ? { id: `sha256:${ref}`, sizeBytes: 7 } : undefined
    },
    removeImage: async (ref: string) => images.delete(ref),
  } as unknown as Engine
  const view: MirrorView = {
    ...{ objects: '/mirror', store: '/store', defaultBranch: 'main' },
    refs: [{ name: 'refs/heads/main', commit: HEAD }],
    [Symbol.asyncDispose]: async () => undefined,
  }
  const deps: RunnerDeps = {
    ...{
      db,
      leaseDb: db,
      client,
      engine,
      hostId: HOST,
      capacity: 1,
      warmBounds: { most: 0, least: 1 },
      servedFolder: '/nowhere',
    },
    logger: pino({ level: process.env['DRYDOCK_TEST_LOG'] ?? 'silent' }),
    engineAnswers: async () => at.isUp(),
    readyAgent: async () => ({ adapter: commandAgent }),
    networks: { ...fakeNetworks(), [Symbol.asyncDispose]: async () => undefined },
    workspacePolicy: () => ({ ceiling: undefined, deny: [] }),
    keyring: parseKeyring([randomBytes(32).toString('base64')]),
    images: { ownImage: async (name) => `drydock/${name}:1`, allowedRegistries: async () => [] },
    ownTags: async () => [],
    forgetTrees: async () => undefined,
    gatherPacks: async () => undefined,
    mirrors: {
      async open(_remote, signal) {
        await at.at('checkout', signal, { ofEngine: false })
        return view
      },
      hold: async () => view,
      commit: async () => 'c'.repeat(40),
      async push(_view, _remote, _input, signal) {
        await at.at('push', signal, { ofEngine: false })
        return { kind: 'pushed' }
      },
    },
    git: () => Promise.reject(new Error('no git is run here')),
    checkOut: async () => ({ state: '', lines: [] }),
    settle: async () => undefined,
    async collect({ sandbox }, signal) {
      await sandbox.killAll(signal)
      await at.at('collect', signal)
      return CHANGE
    },
    remoteOf: async () => ({ forge: 'git', address: '/srv/a' }),
    forgeOf,
    taskUrl: () => undefined,
  }
  const runner = await startRunner(deps)
  return { sandboxes, close: () => runner.close({ drainMs: 0 }) }
}

export type AttemptRow = typeof attempts.$inferSelect

/** The attempt, as soon as it is as somebody waits for it. */
export function untilAttempt(
  database: TestDatabase,
  id: string,
  isSo: (row: AttemptRow) => boolean,
): Promise<AttemptRow> {
  return untilTold(database, async ({ db }) => {
    const [row] = await db.select().from(attempts).where(eq(attempts.id, id))
    return row && isSo(row) ? row : undefined
  })
}

/** Resolves when the log of an attempt has a notice. */
export async function untilNotice(database: TestDatabase, attemptId: string, text: string): Promise<void> {
  await untilTold(database, async ({ db }) => {
    const rows = await db.select().from(events).where(eq(events.attemptId, attemptId))
    return rows.find(({ payload }) => String(payload['message']).includes(text))
  })
}

async function untilTold<T>(
  database: TestDatabase,
  look: (database: TestDatabase) => Promise<T | undefined>,
): Promise<T> {
  const found = deferred<T>()
  const lookAgain = async () => {
    const value = await look(database)
    if (value !== undefined) found.resolve(value)
  }
  const listening = await database.client.listen('drydock_events', () => void lookAgain())
  // A runner may tell of a state a moment before the row has it.
  const timer = setInterval(() => void lookAgain(), 250)
  await lookAgain()
  const value = await found.promise
  clearInterval(timer)
  await listening.unlisten()
  return value
}
