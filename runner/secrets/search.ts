import { extract } from 'tar-stream'
import type { Extract, Header } from 'tar-stream'
import { AttemptFailure } from '../failure.ts'
import { byteSearch } from '../sandbox/byte-search.ts'
import type { ByteSearch } from '../sandbox/byte-search.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import { spellingsOf } from './spellings.ts'
import type { SetupSecret } from './spellings.ts'

const GiB = 1024 ** 3
/** Files with hits that are looked up in the engine's list of changes; more than any image has by chance. */
const MAX_HITS = 64
const MAX_SHOWN = 200

/** What one search may cost. A limit that is reached fails the build: nothing is taken for searched that was not. */
export type SearchLimits = { bytes: number; entries: number }
const LIMITS: SearchLimits = { bytes: 64 * GiB, entries: 4_000_000 }

type Hit = { path: string; secret: string; isName: boolean }

/**
 * Searches what set-up changed for values that it must not keep (R22), in every spelling of them: contents of files, names
 * and targets of links. Rejects with `secret-in-snapshot`, naming the file. Nothing in the sandbox has a part in it: the
 * engine sends the files, and they are looked at as they come, in bounded memory. For when none of its processes runs.
 */
export async function searchForSecrets(
  sandbox: Pick<Sandbox, 'files' | 'changedAmong'>,
  { secrets, limits = LIMITS }: { secrets: readonly SetupSecret[]; limits?: SearchLimits },
  signal: AbortSignal,
): Promise<void> {
  const needles = secrets.flatMap(({ name, value }) => spellingsOf(value).map((bytes) => ({ name, bytes })))
  if (needles.length === 0) return
  const search = byteSearch(needles.map(({ bytes }) => bytes))
  const hits = await searchArchive(await sandbox.files(signal), {
    limits,
    find: (chunks) => findIn(search, chunks, (n) => needles[n]?.name ?? ''),
  })
  if (hits.length === 0) return
  // Whatever the image brought along is not set-up's doing.
  const changed = await sandbox.changedAmong(
    hits.map(({ path }) => path),
    signal,
  )
  const kept = hits.filter(({ path }) => changed.has(path))
  if (kept.length > 0) throw found(kept)
  if (hits.length === MAX_HITS) throw unsearched(`more than ${MAX_HITS} files of its image hold one of the secrets`)
}

type Chunks = AsyncIterable<unknown> | Iterable<unknown>
type Find = (chunks: Chunks) => Promise<string | undefined>

async function searchArchive(
  archive: AsyncIterable<Uint8Array>,
  { limits, find }: { limits: SearchLimits; find: Find },
): Promise<Hit[]> {
  const entries = extract()
  void feed(archive, entries)
  const hits: Hit[] = []
  const left = { ...limits }
  for await (const entry of entries) {
    const { header } = entry
    if (--left.entries < 0) throw unsearched(`it has more than ${limits.entries} files`)
    if ((left.bytes -= header.size ?? 0) < 0) throw unsearched(`its files have more than ${limits.bytes / GiB} GiB`)
    const hit = await searchEntry(entry, header, find)
    if (hit && hits.push(hit) === MAX_HITS) break
  }
  return hits
}

/** Ends with the archive, or when nobody reads the entries any more; what goes wrong is told where they are read. */
async function feed(archive: AsyncIterable<Uint8Array>, entries: Extract): Promise<void> {
  // After the reader has gone nobody else listens.
  entries.on('error', () => undefined)
  let goOn: () => void = () => undefined
  entries.on('drain', () => goOn())
  entries.on('close', () => goOn())
  try {
    for await (const chunk of archive) {
      if (entries.destroyed) return
      if (!entries.write(chunk) && !entries.destroyed) await new Promise<void>((resolve) => (goOn = resolve))
    }
    entries.end(undefined)
  } catch (error) {
    entries.destroy(error as Error)
  }
}

async function searchEntry(contents: Chunks, header: Header, find: Find): Promise<Hit | undefined> {
  const path = `/${header.name.replace(/^\.?\/+/, '').replace(/\/+$/, '')}`
  const inContents = await find(contents)
  if (inContents !== undefined) return { path, secret: inContents, isName: (await find([named(header)])) !== undefined }
  const inName = await find([named(header)])
  return inName === undefined ? undefined : { path, secret: inName, isName: true }
}

/** Name, target and extended attributes: all that an entry has besides its contents. */
const named = ({ name, linkname, pax }: Header) =>
  Buffer.from([name, linkname ?? '', ...Object.values((pax ?? {}) as Record<string, string>)].join('\0'))

async function findIn(
  search: ByteSearch,
  chunks: Chunks,
  nameOf: (needle: number) => string,
): Promise<string | undefined> {
  search.reset()
  let hit: number | undefined
  // To the end, also after a hit: the archive goes on behind the entry.
  for await (const chunk of chunks) hit ??= search.push(chunk as Uint8Array)
  return hit === undefined ? undefined : nameOf(hit)
}

function found(hits: readonly Hit[]): AttemptFailure {
  const [first] = hits
  const more = hits.length > 1 ? `, and ${hits.length - 1} more files do` : ''
  const where =
    first === undefined || first.isName ? 'a name of a file' : `the file ${JSON.stringify(clipped(first.path))}`
  return new AttemptFailure(
    'secret-in-snapshot',
    `Cannot keep what set-up made: ${where} holds the secret ${JSON.stringify(first?.secret ?? '')}${more}. Let the set-up script remove it, or hand the secret to the tool by its environment.`,
  )
}

const unsearched = (why: string) =>
  new AttemptFailure(
    'setup-failed',
    `Cannot search what set-up made for secrets: ${why}. Let the script leave less behind.`,
  )

const clipped = (path: string) => (path.length > MAX_SHOWN ? `${path.slice(0, MAX_SHOWN)}…` : path)
