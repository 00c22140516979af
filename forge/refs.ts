/** A ref of a remote: its full name, and the commit behind it where it is an annotated tag. */
export type Ref = { name: string; commit: string }

export type RemoteRefs = {
  /** Full name to the object it names, unpeeled: equal tables mean that there is nothing to fetch. */
  table: ReadonlyMap<string, string>
  refs: readonly Ref[]
  /** Full name that HEAD points to; absent when it is detached or missing. */
  head?: string
}

const OBJECT_ID = /^[0-9a-f]{40}$/

/** Reads `ls-remote --symref`. Only heads and tags with names that git itself would make; the rest does not exist here. */
export function parseRefs(output: Buffer): RemoteRefs {
  const table = new Map<string, string>()
  const peeled = new Map<string, string>()
  let head: string | undefined
  for (const line of output.toString('latin1').split('\n')) {
    const [left, raw] = line.split('\t')
    if (left === undefined || raw === undefined) continue
    if (raw === 'HEAD' && left.startsWith('ref: ')) head = refName(left.slice(5))
    if (!OBJECT_ID.test(left)) continue
    const name = refName(raw.endsWith('^{}') ? raw.slice(0, -3) : raw)
    if (name !== undefined) (raw.endsWith('^{}') ? peeled : table).set(name, left)
  }
  const refs = [...table].map(([name, id]) => ({ name, commit: peeled.get(name) ?? id }))
  return { table, refs, ...(head === undefined ? {} : { head }) }
}

/** `git check-ref-format` for heads and tags, on bytes read as latin1; undefined for anything else. */
function refName(bytes: string): string | undefined {
  if (!/^refs\/(heads|tags)\/./.test(bytes) || bytes.length > 1024) return undefined
  if (/[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.lock(\/|$)|[/.]$/.test(bytes)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(bytes, 'latin1'))
  } catch {
    return undefined
  }
}

/** The branch that work starts from when nobody names one, without `refs/heads/`. Undefined when there is no branch. */
export function defaultBranch(remote: RemoteRefs): string | undefined {
  const branches = [...remote.table.keys()].filter((name) => name.startsWith('refs/heads/'))
  const wanted = [remote.head, 'refs/heads/main', 'refs/heads/master']
  const name = wanted.find((candidate) => candidate !== undefined && remote.table.has(candidate)) ?? branches.sort()[0]
  return name?.slice('refs/heads/'.length)
}

export function sameTable(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, id]) => b.get(name) === id)
}
