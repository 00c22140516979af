/** A repository as the host reaches it. The credential never enters a URL, a configuration or a log (R5). */
export type Remote = {
  forge: 'git' | 'github'
  /** A path, a URL, or `owner/name` for GitHub. */
  address: string
  /** Fetched on demand, outside any sandbox; absent for open remotes. */
  credential?: { username: string; password: string }
}

/**
 * A mirror whose objects stay while it is held. `store` is a bare repository of its own, with the mirror's objects as its
 * alternate, for what is collected and published; it is never mounted.
 */
export type HeldMirror = AsyncDisposable & { store: string }

/**
 * What an attempt may use of a mirror while it holds the view. `objects` holds what is reachable from the origin's heads
 * and tags and nothing else (R5); it is the folder that sandboxes mount.
 */
export type MirrorView = HeldMirror & {
  objects: string
  /** Full names (`refs/heads/…`, `refs/tags/…`) and the commit behind each, annotated tags peeled. */
  refs: readonly { name: string; commit: string }[]
  /** Without `refs/heads/`. */
  defaultBranch: string
  /** Commits whose parents the origin lacks, where the origin is a shallow clone: the lines of git's `shallow` file. */
  shallow?: readonly string[]
}

/** The commit at the head of a branch; undefined where there is no such branch. */
export const branchHead = ({ refs }: Pick<MirrorView, 'refs'>, branch: string): string | undefined =>
  refs.find(({ name }) => name === `refs/heads/${branch}`)?.commit

export type PushResult =
  | { kind: 'pushed' }
  /** The branch exists with other commits than it should. */
  | { kind: 'taken'; at: string }
  /** The remote said no; its own words, cut to length. */
  | { kind: 'rejected'; message: string }

export type PushInput = {
  commit: string
  branch: string
  /** Where the branch is; absent: nowhere yet. */
  replaces?: string
}

export type CommitInput = {
  tree: string
  parent: string
  message: string
  author: { name: string; email: string }
  committer: { name: string; email: string }
  /** Makes the commit id the same on every retry. */
  date: Date
}

export interface Mirrors {
  /**
   * Brings the mirror of a remote up to date and lists its refs with the attempt's own credential (R4). Rejects with
   * `repository-refused | -not-found | -auth | -empty`, `forge-unavailable`. Dispose to let go of it. Other branches than
   * the wanted one (the default one) that were pushed from here within the last half minute may still be missing.
   */
  open(remote: Remote, signal: AbortSignal, branch?: string): Promise<MirrorView>
  /** Holds the mirror as it is, for publishing what was made from it; the origin is not asked. */
  hold(remote: Remote, signal: AbortSignal): Promise<HeldMirror>
  /** Makes a commit in the view's store. The same input gives the same id. */
  commit(view: MirrorView, input: CommitInput): Promise<string>
  /**
   * Pushes a commit to a new branch, or to one that is at the commit which it replaces, whatever happens in between. A
   * branch that already is at that very commit counts as pushed.
   */
  push(held: HeldMirror, remote: Remote, input: PushInput, signal: AbortSignal): Promise<PushResult>
}
