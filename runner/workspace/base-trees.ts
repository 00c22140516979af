import type { RunGit } from '../../forge/git.ts'
import { AttemptFailure } from '../failure.ts'
import { GIT_LIMITS, SMALL_WINDOWS } from './limits.ts'
import type { Base, CheckoutView } from './workspace.ts'

const MiB = 1024 * 1024
const MAX_KNOWN = 1000
/** A larger list is looked through in the sandbox. */
const MAX_LIST_BYTES = 16 * MiB
/** A submodule, or a file of attributes in any folder. */
const NOT_PLAIN = /(^|\0)160000 |[\t/]\.gitattributes\0/i

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
    const [parsed, listed] = await Promise.all([
      git(['rev-parse', '--verify', '--quiet', `${base.commit}^{tree}`], options),
      git(['ls-tree', '-r', '-z', '--full-tree', base.commit], { ...options, maxOutputBytes: MAX_LIST_BYTES }),
    ])
    const id = /^([0-9a-f]{40})\n$/.exec(parsed.stdout.toString('latin1'))?.[1]
    if (parsed.code !== 0 || id === undefined)
      throw new AttemptFailure('collect-failed', `Cannot collect the change: the mirror lost commit ${base.commit}`)
    const tree = { id, isPlain: listed.code === 0 && !listed.overflow && isPlain(listed.stdout) }
    if (known.size >= MAX_KNOWN) known.clear()
    known.set(base.commit, tree)
    return tree
  }
}

/** Lines `MODE TYPE ID<tab>PATH`, each ended by a NUL. */
const isPlain = (list: Buffer) => !NOT_PLAIN.test(list.toString('latin1'))
