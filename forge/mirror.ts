import { createHmac, randomBytes } from 'node:crypto'
import { copyFile, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
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
import type { Mirrors, MirrorView, Remote } from './mirrors.ts'
import { pushCommit } from './push.ts'
import { reach } from './reach.ts'
import type { Reach, ReachOptions } from './reach.ts'
import { defaultBranch, sameTable } from './refs.ts'
import type { RemoteRefs } from './refs.ts'

// Locks live in this process: one server per data folder is the rule, and the server holds to it. Within it, a mirror's
// fetch and prune exclude each other; a view is held by a count; prune runs only while the count is zero.

/** `git`: by default host git with the programs of `path`. */
export type MirrorsOptions = ReachOptions & { path: string; git?: RunGit }

type Mirror = {
  folder: MirrorFolder
  lock: Exclusive
  holders: number
  /** Fetches begun so far, and the number of the last one that succeeded. */
  begun: number
  fetched: number
  refs: RemoteRefs | undefined
  stale: boolean
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
  const list = refLister(git)
  const mirrors = new Map<string, Mirror>()
  const reached = (remote: Remote) => reach(remote, options)

  async function mirrorOf(remote: Remote, to: Reach): Promise<Mirror> {
    const key = await mirrorKey(remote, { url: to.url, folder: options.folder })
    let mirror = mirrors.get(key)
    if (mirror === undefined) {
      const folder = mirrorFolder(join(options.folder, key))
      mirror = { folder, lock: exclusive(), holders: 0, begun: 0, fetched: 0, refs: undefined, stale: true }
      mirrors.set(key, mirror)
    }
    return mirror
  }

  return {
    async open(remote, signal) {
      const to = await reached(remote)
      const mirror = await mirrorOf(remote, to)
      const asked = mirror.begun
      const advertised = await list(to, signal)
      if (defaultBranch(advertised) === undefined) throw empty(to.url)
      if (!isCurrent(mirror, advertised)) {
        const deps = { git, path: options.path }
        const opening = mirror.lock.run(async () => {
          await bringUpToDate(mirror, { to, advertised, asked, ...deps }, signal)
          return hold(mirror, { advertised, to, ...deps })
        })
        return unlessAborted(opening, signal)
      }
      return hold(mirror, { advertised, to, git, path: options.path })
    },

    async commit(view, input) {
      // Nearly always the tree is where the view says, and git checks that it is.
      const made = await makeCommit(git, { store: view.store, input }).catch(() => undefined)
      if (made !== undefined) return made
      const store = await storeWith({ git, folder: options.folder, first: view.store }, input.tree)
      return makeCommit(git, { store, input })
    },

    async push(view, remote, input, signal) {
      const to = await reached(remote)
      const store = await storeWith({ git, folder: options.folder, first: view.store }, input.commit, signal)
      return pushCommit({ git, store, to }, input, signal)
    },
  }
}

/** Whoever is cancelled while another's fetch goes on does not wait for it; a view that comes all the same is let go. */
async function unlessAborted(opening: Promise<MirrorView>, signal: AbortSignal): Promise<MirrorView> {
  let stop: (() => void) | undefined
  const aborted = new Promise<undefined>((resolve) => {
    stop = () => resolve(undefined)
    signal.addEventListener('abort', stop, { once: true })
  })
  const view = await Promise.race([opening, aborted])
  if (stop) signal.removeEventListener('abort', stop)
  if (view !== undefined) return view
  opening.then((late) => late[Symbol.asyncDispose]()).catch(() => undefined)
  throw signal.reason
}

/** Nothing to fetch, nothing to prune, and nobody at work who might change that. */
function isCurrent(mirror: Mirror, advertised: RemoteRefs): boolean {
  if (mirror.refs === undefined || !mirror.lock.isFree()) return false
  return sameTable(mirror.refs.table, advertised.table) && !(mirror.stale && mirror.holders === 0)
}

type UpdateInput = { to: Reach; advertised: RemoteRefs; asked: number; git: RunGit; path: string }

/** Under the mirror's lock: heals, fetches what is new, prunes when nobody holds the mirror. */
async function bringUpToDate(mirror: Mirror, input: UpdateInput, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (mirror.refs === undefined) {
    await prepareFolder(join(mirror.folder.objects, '..'), input)
    mirror.refs = await readRefs(mirror.folder, input.git)
    mirror.stale = await isStale(mirror.folder)
  }
  // A fetch that began after this caller asked has seen all that this caller may expect.
  const isFresh = mirror.fetched > input.asked || sameTable(mirror.refs.table, input.advertised.table)
  if (!isFresh) mirror.refs = await fetchAll({ mirror, refs: mirror.refs, ...input }, signal)
  if (mirror.stale && mirror.holders === 0) await pruneMirror(mirror, input, signal)
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

async function pruneMirror(mirror: Mirror, deps: { git: RunGit; path: string }, signal: AbortSignal): Promise<void> {
  await prune(mirror.folder, deps, signal)
  mirror.stale = await isStale(mirror.folder)
}

type HoldInput = { advertised: RemoteRefs; to: Reach; git: RunGit; path: string }

function hold(mirror: Mirror, { advertised, to, git, path }: HoldInput): Promise<MirrorView> {
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
        if (mirror.holders === 0) await pruneMirror(mirror, { git, path }, AbortSignal.timeout(PRUNE_TIMEOUT_MS))
      })
      .catch(() => undefined)
  }
  const { table, refs } = mirror.refs ?? advertised
  const branch = defaultBranch({ ...advertised, table })
  const view = async (): Promise<MirrorView> => {
    if (branch === undefined) throw empty(to.url)
    const shallow = await readFile(join(mirror.folder.objects, 'shallow'), 'utf8').catch(() => '')
    return {
      objects: join(mirror.folder.objects, 'objects'),
      store: mirror.folder.store,
      refs,
      defaultBranch: branch,
      ...(shallow === '' ? {} : { shallow: shallow.trim().split('\n') }),
      [Symbol.asyncDispose]: release,
    }
  }
  return view().catch(async (error: unknown) => {
    await release()
    throw error
  })
}

/** Address and credential decide which mirror it is. Keyed, since sandboxes see the folder's name in their mount table. */
async function mirrorKey(remote: Remote, { url, folder }: { url: string; folder: string }): Promise<string> {
  const { username = '', password = '' } = remote.credential ?? {}
  return createHmac('sha256', await salt(folder))
    .update(JSON.stringify([remote.forge, url, username, password]))
    .digest('hex')
}

async function salt(folder: string): Promise<Buffer> {
  const file = join(folder, 'salt')
  const known = await readFile(file).catch(() => undefined)
  if (known !== undefined) return known
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const temporary = `${file}.${randomBytes(6).toString('hex')}`
  await writeFile(temporary, randomBytes(32), { mode: 0o600 })
  // Linking fails where another was first: then theirs counts.
  await link(temporary, file).catch(() => undefined)
  await rm(temporary)
  return readFile(file)
}

function empty(url: string): DrydockError {
  return new DrydockError(
    'repository-empty',
    `Cannot use the repository ${shown(url)}: it has no branch. Push a first commit.`,
  )
}
