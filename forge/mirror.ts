import { copyFile, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DrydockError } from '../domain/errors.ts'
import { shown } from './parse-address.ts'
import { makeCommit } from './commit.ts'
import { exclusive } from './exclusive.ts'
import type { Exclusive } from './exclusive.ts'
import { storeWith } from './find-store.ts'
import { limitedGit } from './git.ts'
import type { RunGit } from './git.ts'
import { remoteError } from './git-errors.ts'
import { refLister } from './list-refs.ts'
import {
  beginFetch,
  endFetch,
  isStale,
  mirrorFolder,
  prepareFolder,
  prune,
  readRefs,
  sweepLeftovers,
} from './mirror-folder.ts'
import type { MirrorFolder } from './mirror-folder.ts'
import { mirrorKey } from './mirror-key.ts'
import type { HeldMirror, Mirrors, MirrorView, Remote } from './mirrors.ts'
import { ownPushes } from './own-pushes.ts'
import type { OwnPushes } from './own-pushes.ts'
import { pushCommit } from './push.ts'
import { reach } from './reach.ts'
import type { Reach, ReachOptions } from './reach.ts'
import { defaultBranch, sameTable } from './refs.ts'
import type { RemoteRefs } from './refs.ts'

// Locks live in this process: one server per data folder is the rule, and the server holds to it. Within it, a mirror's
// fetch and prune exclude each other; a view is held by a count; prune runs only while the count is zero.

/** `git`: by default host git with the programs of `path`. `clock`: milliseconds. */
export type MirrorsOptions = ReachOptions & { path: string; git?: RunGit; clock?: () => number }

type Mirror = {
  folder: MirrorFolder
  lock: Exclusive
  holders: number
  /** Fetches begun so far, and the number of the last one that succeeded. */
  begun: number
  fetched: number
  refs: RemoteRefs | undefined
  stale: boolean
  pushes: OwnPushes
}

const PRUNE_TIMEOUT_MS = 600_000
/** Flaws of old commits that harm nobody and that well-known repositories have; all else that fsck finds is refused. */
const HARMLESS = [
  'badTimezone',
  'badDate',
  'missingSpaceBeforeDate',
  'missingSpaceBeforeEmail',
  'missingNameBeforeEmail',
  'zeroPaddedFilemode',
]
const FETCH_LIMITS = { fileBytes: 32 * 1024 ** 3, cpuSeconds: 3600 }

export function createMirrors(options: MirrorsOptions): Mirrors {
  const git = options.git ?? limitedGit(options.path)
  const deps = { git, path: options.path }
  const list = refLister(git)
  const mirrors = new Map<string, Mirror>()
  const reached = (remote: Remote) => reach(remote, options)

  async function mirrorOf(remote: Remote, to: Reach): Promise<Mirror> {
    const key = await mirrorKey(remote, { url: to.url, folder: options.folder })
    let mirror = mirrors.get(key)
    if (mirror === undefined) {
      const folder = mirrorFolder(join(options.folder, key))
      const pushes = ownPushes(options.clock ?? (() => performance.now()))
      mirror = { folder, lock: exclusive(), holders: 0, begun: 0, fetched: 0, refs: undefined, stale: true, pushes }
      mirrors.set(key, mirror)
    }
    return mirror
  }

  return {
    async open(remote, signal, branch) {
      const to = await reached(remote)
      const mirror = await mirrorOf(remote, to)
      const asked = mirror.begun
      const advertised = await list(to, signal)
      const main = defaultBranch(advertised)
      if (main === undefined) throw empty(to.url)
      const wanted = branch ?? main
      if (!isCurrent(mirror, { advertised, wanted })) {
        const opening = mirror.lock.run(async () => {
          await bringUpToDate(mirror, { to, advertised, wanted, asked, ...deps }, signal)
          return view(mirror, { advertised, to, ...deps })
        })
        return unlessAborted(opening, signal)
      }
      return view(mirror, { advertised, to, ...deps })
    },

    async hold(remote, signal) {
      const mirror = await mirrorOf(remote, await reached(remote))
      if (mirror.refs !== undefined && mirror.lock.isFree()) return hold(mirror, deps)
      const holding = mirror.lock.run(async () => {
        await prepared(mirror, deps)
        return hold(mirror, deps)
      })
      return unlessAborted(holding, signal)
    },

    async commit(view, input) {
      // Nearly always the tree is where the view says, and git checks that it is.
      const made = await makeCommit(git, { store: view.store, input }).catch(() => undefined)
      if (made !== undefined) return made
      const store = await storeWith({ git, folder: options.folder, first: view.store }, input.tree)
      return makeCommit(git, { store, input })
    },

    async push(held, remote, input, signal) {
      const to = await reached(remote)
      const store = await storeWith({ git, folder: options.folder, first: held.store }, input.commit, signal)
      const result = await pushCommit({ git, store, to }, input, signal)
      if (result.kind === 'pushed') (await mirrorOf(remote, to)).pushes.note(input)
      return result
    },
  }
}

/** Whoever is cancelled while another's fetch goes on does not wait for it; what comes all the same is let go. */
async function unlessAborted<T extends HeldMirror>(opening: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop: (() => void) | undefined
  const aborted = new Promise<undefined>((resolve) => {
    stop = () => resolve(undefined)
    signal.addEventListener('abort', stop, { once: true })
  })
  const opened = await Promise.race([opening, aborted])
  if (stop) signal.removeEventListener('abort', stop)
  if (opened !== undefined) return opened
  opening.then((late) => late[Symbol.asyncDispose]()).catch(() => undefined)
  throw signal.reason
}

type Seen = { advertised: RemoteRefs; wanted: string }

/** Nothing to fetch, nothing to prune, and nobody at work who might change that. */
function isCurrent(mirror: Mirror, seen: Seen): boolean {
  if (mirror.refs === undefined || !mirror.lock.isFree()) return false
  return !hasNews(mirror, mirror.refs, seen) && !(mirror.stale && mirror.holders === 0)
}

function hasNews({ pushes }: Mirror, { table }: RemoteRefs, { advertised, wanted }: Seen): boolean {
  return !sameTable(table, pushes.leftOut(advertised.table, table, wanted))
}

type Deps = { git: RunGit; path: string }
type UpdateInput = Deps & Seen & { to: Reach; asked: number }

/** Under the mirror's lock: heals, fetches what is new, prunes when nobody holds the mirror. */
async function bringUpToDate(mirror: Mirror, input: UpdateInput, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const refs = await prepared(mirror, input)
  // A fetch that began after this caller asked has seen all that this caller may expect.
  const isFresh = mirror.fetched > input.asked || !hasNews(mirror, refs, input)
  if (!isFresh) mirror.refs = await fetchAll({ mirror, refs, ...input }, signal)
  if (mirror.stale && mirror.holders === 0) await pruneMirror(mirror, input, signal)
}

/** Under the mirror's lock: its refs, once its folder is there and in order. */
async function prepared(mirror: Mirror, deps: Deps): Promise<RemoteRefs> {
  if (mirror.refs === undefined) {
    await prepareFolder(join(mirror.folder.objects, '..'), deps)
    mirror.refs = await readRefs(mirror.folder, deps.git)
    mirror.stale = await isStale(mirror.folder)
  }
  return mirror.refs
}

async function fetchAll(
  input: UpdateInput & { mirror: Mirror; refs: RemoteRefs },
  signal: AbortSignal,
): Promise<RemoteRefs> {
  const { mirror, refs, to, git } = input
  const { folder } = mirror
  const advertised = new Set(input.advertised.table.values())
  const tips = [...new Set(refs.table.values())].filter((id) => !advertised.has(id))
  await beginFetch(folder, tips)
  const number = ++mirror.begun
  let complete = false
  try {
    await runFetch({ git, to, objects: folder.objects }, signal)
    complete = true
  } finally {
    // Not in the store: others collect and publish there meanwhile.
    if (!complete) await sweepLeftovers(folder.objects)
    // The remote may have moved between listing and fetching: the tips are those that truly went.
    const fetched = await readRefs(folder, git)
    const present = new Set(fetched.table.values())
    const gone = [...new Set(refs.table.values())].filter((id) => !present.has(id))
    await endFetch(folder, { tips: gone, complete })
    mirror.refs = fetched
    mirror.stale = await isStale(folder)
  }
  await copyShallow(folder)
  mirror.fetched = number
  return mirror.refs
}

type FetchInput = { git: RunGit; to: Reach; objects: string }

async function runFetch({ git, to, objects }: FetchInput, signal: AbortSignal): Promise<void> {
  const flags = [
    '--quiet',
    '--prune',
    '--no-tags',
    '--no-write-fetch-head',
    '--no-auto-maintenance',
    '--no-recurse-submodules',
  ]
  const refspecs = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*']
  const fetched = await git(['fetch', ...flags, '--update-shallow', ...to.uploadPack, '--', to.url, ...refspecs], {
    gitDir: objects,
    env: to.env,
    // Packs are kept as packs: no thousands of small files.
    config: [
      ...to.config,
      'fetch.unpackLimit=1',
      'transfer.unpackLimit=1',
      ...HARMLESS.map((flaw) => `fetch.fsck.${flaw}=ignore`),
    ],
    limits: FETCH_LIMITS,
    signal,
  })
  if (fetched.code !== 0) throw remoteError(fetched.stderr, to.url)
}

/** The store walks the same history, so it must know where that ends. */
async function copyShallow({ objects, store }: MirrorFolder): Promise<void> {
  await copyFile(join(objects, 'shallow'), join(store, 'shallow')).catch(() =>
    rm(join(store, 'shallow'), { force: true }),
  )
}

async function pruneMirror(mirror: Mirror, deps: Deps, signal: AbortSignal): Promise<void> {
  await prune(mirror.folder, deps, signal)
  mirror.stale = await isStale(mirror.folder)
}

function hold(mirror: Mirror, deps: Deps): HeldMirror {
  mirror.holders++
  let isHeld = true
  const release = async () => {
    if (!isHeld) return
    isHeld = false
    mirror.holders--
    if (mirror.holders > 0 || !mirror.stale) return
    // A failure leaves the note on disk: whoever opens the mirror next prunes first.
    await mirror.lock
      .run(async () => {
        if (mirror.holders === 0) await pruneMirror(mirror, deps, AbortSignal.timeout(PRUNE_TIMEOUT_MS))
      })
      .catch(() => undefined)
  }
  return { store: mirror.folder.store, [Symbol.asyncDispose]: release }
}

async function view(mirror: Mirror, given: Deps & { advertised: RemoteRefs; to: Reach }): Promise<MirrorView> {
  const held = hold(mirror, given)
  try {
    const { table, refs } = mirror.refs ?? given.advertised
    const branch = defaultBranch({ ...given.advertised, table })
    if (branch === undefined) throw empty(given.to.url)
    const shallow = await readFile(join(mirror.folder.objects, 'shallow'), 'utf8').catch(() => '')
    return {
      ...held,
      objects: join(mirror.folder.objects, 'objects'),
      refs,
      defaultBranch: branch,
      ...(shallow === '' ? {} : { shallow: shallow.trim().split('\n') }),
    }
  } catch (error) {
    await held[Symbol.asyncDispose]()
    throw error
  }
}

function empty(url: string): DrydockError {
  return new DrydockError(
    'repository-empty',
    `Cannot use the repository ${shown(url)}: it has no branch. Push a first commit.`,
  )
}
