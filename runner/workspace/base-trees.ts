import type { RunGit } from '../../forge/git.ts'
import { AttemptFailure } from '../failure.ts'
import { GIT_LIMITS, SMALL_WINDOWS } from './limits.ts'
import type { Base, CheckoutView } from './workspace.ts'

const MiB = 1024 * 1024
const MAX_KNOWN = 1000
/** A larger list is looked through in the sandbox. */
const MAX_LIST_BYTES = 16 * MiB
const SUBMODULE = '160000 '

/** The tree of a commit. `isPlain`: nothing in it is a submodule or sets attributes, so nobody has to look for those. */
export type BaseTree = { id: string; isPlain: boolean }

/** Looks at what a task starts from. Rejects with AttemptFailure `collect-failed` for a commit that the mirror lacks. */
export type BaseTrees = (view: Pick<CheckoutView, 'store'>, base: Base, signal: AbortSignal) => Promise<BaseTree>

/** Asks host git once for each commit: what a commit is never changes. */
export function baseTrees({ git }: { git: RunGit }): BaseTrees {
  const known = new Map<string, BaseTree>()
  return async (view, base, signal) => {
    const found = known.get(base.commit)
    if (found) return found
    const options = { gitDir: view.store, limits: GIT_LIMITS, config: SMALL_WINDOWS, signal }
    const parsed = await git(['rev-parse', '--verify', '--quiet', `${base.commit}^{tree}`], options)
    const id = /^([0-9a-f]{40})\n$/.exec(parsed.stdout.toString('latin1'))?.[1]
    if (parsed.code !== 0 || id === undefined)
      throw new AttemptFailure('collect-failed', `Cannot collect the change: the mirror lost commit ${base.commit}`)
    const listed = await git(['ls-tree', '-r', '-z', '--full-tree', id], { ...options, maxOutputBytes: MAX_LIST_BYTES })
    const tree = { id, isPlain: listed.code === 0 && !listed.overflow && isPlain(listed.stdout) }
    if (known.size >= MAX_KNOWN) known.clear()
    known.set(base.commit, tree)
    return tree
  }
}

/** Lines `MODE TYPE ID<tab>PATH`, each ended by a NUL. */
function isPlain(list: Buffer): boolean {
  const lines = list.toString('latin1').split('\0')
  return !lines.some((line) => line.startsWith(SUBMODULE) || /[\t/]\.gitattributes$/i.test(line))
}
