import { randomBytes } from 'node:crypto'
import { eq } from 'drizzle-orm'
import { pino } from 'pino'
import type { SetUpSource } from '../../domain/environments/cache.ts'
import { environments, repositories } from '../../domain/schema.ts'
import { parseKeyring } from '../../domain/secrets/keyring.ts'
import type { MirrorView } from '../../forge/mirrors.ts'
import type { BuilderDeps, Follower } from '../../runner/environment/builder.ts'
import { snapshotCache } from '../../runner/environment/snapshot-cache.ts'
import type { Engine } from '../../runner/sandbox/engine.ts'
import { fakeSandboxes } from '../../runner/sandbox/fake.ts'
import type { FakeScript } from '../../runner/sandbox/fake.ts'
import type { TestDatabase } from './database.ts'
import { fakeNetworks } from './networks.ts'
import { seedEnvironment } from './seed.ts'

export const HOST = 'host'
const HEAD = 'a'.repeat(40)

/** An engine that runs nothing and remembers the images that it was given. */
export type FakeEngine = ReturnType<typeof fakeEngine>

export function fakeEngine(script: FakeScript = {}) {
  const images = new Set<string>()
  const sandboxes = fakeSandboxes({
    ...script,
    commit: (tag) => {
      images.add(tag)
      return script.commit?.(tag) ?? { id: `sha256:${tag}`, sizeBytes: 7 }
    },
  })
  const engine = {
    createSandbox: sandboxes.create,
    imageInfo: async (ref: string) => (images.has(ref) ? { id: `sha256:${ref}`, sizeBytes: 7 } : undefined),
    removeImage: async (ref: string) => images.delete(ref),
  } as unknown as Engine
  return { engine, images, sandboxes }
}

/** The cache of one runner on a real database. */
export function cacheOf({ db }: TestDatabase, fake: FakeEngine, changes: Partial<BuilderDeps> = {}) {
  const view: MirrorView = {
    ...{ objects: '/mirror', store: '/store', defaultBranch: 'main' },
    refs: ['main', 'other'].map((name) => ({ name: `refs/heads/${name}`, commit: HEAD })),
    [Symbol.asyncDispose]: async () => undefined,
  }
  const unused = () => Promise.reject(new Error('nothing may come this far'))
  const networks = fakeNetworks()
  const leftovers: unknown[] = []
  const cache = snapshotCache({
    db,
    engine: fake.engine,
    hostId: HOST,
    runnerId: `${HOST}/${randomBytes(2).toString('hex')}`,
    logger: pino({ level: 'silent' }),
    mirrors: { open: async () => view, hold: unused, commit: unused, push: unused },
    remoteOf: async () => ({ forge: 'git', address: '/srv/a' }),
    networks: { ...networks, [Symbol.asyncDispose]: async () => undefined },
    workspacePolicy: () => ({ ceiling: undefined, deny: [] }),
    keyring: parseKeyring([randomBytes(32).toString('base64')]),
    checkOut: async () => ({ state: '', lines: [] }),
    settle: async () => undefined,
    images: { ownImage: unused, allowedRegistries: async () => [] },
    onLeftover: (error) => void leftovers.push(error),
    ...changes,
  })
  return { cache, networks, leftovers }
}

/** An environment with a set-up script, and what an attempt of it would ask the cache for. */
export async function seedWish(
  { db }: Pick<TestDatabase, 'db'>,
  input: Parameters<typeof seedEnvironment>[1] = {},
): Promise<Parameters<ReturnType<typeof snapshotCache>['use']>[0]> {
  const id = await seedEnvironment(db, { setupScript: 'npm ci', policy: { setup: {} }, ...input })
  return wishFor({ db }, id)
}

/** The same, as the environment is now. */
export async function wishFor({ db }: Pick<TestDatabase, 'db'>, id: string) {
  const [source] = await db
    .select({ environment: environments, repository: repositories })
    .from(environments)
    .innerJoin(repositories, eq(repositories.id, environments.repositoryId))
    .where(eq(environments.id, id))
  if (source === undefined) throw new Error('there is no such environment')
  const found: SetUpSource = source
  return { ...found, image: { ref: 'drydock/base:1', digest: 'sha256:1' }, attempt: { id: 'attempt1', claim: 1 } }
}

/** Somebody who waits for a build, and what they heard. */
export function listener(): Follower & {
  notices: string[]
  heard: () => string
  next: (text: string) => Promise<void>
} {
  const notices: string[] = []
  let heard = ''
  const waiting = new Set<() => void>()
  const told = () => [...waiting].forEach((look) => look())
  return {
    notices,
    heard: () => heard,
    notice: async (message) => {
      notices.push(message)
      told()
    },
    onOutput: (_stream, chunk) => {
      heard += chunk.toString()
      told()
    },
    /** Resolves when a notice or the output has a text. */
    next: (text) =>
      new Promise((resolve) => {
        const look = () => {
          if (!`${notices.join('\n')}\n${heard}`.includes(text)) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
  }
}

export type Gate = { opened: Promise<void>; open: () => void; reached: Promise<void>; reach: () => void }

/** Something to stand before until a test opens it. */
export function gate(): Gate {
  let open: () => void = () => undefined
  let reach: () => void = () => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  const reached = new Promise<void>((resolve) => (reach = resolve))
  return { opened, open, reached, reach }
}
