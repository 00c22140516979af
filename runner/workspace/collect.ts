import type { RunGit } from '../../forge/git.ts'
import type { BaseTrees } from './base-trees.ts'
import { openQuarantine } from './quarantine.ts'
import { receive } from './receive.ts'
import type { Received } from './receive.ts'
import { render } from './render.ts'
import { verify } from './verify.ts'
import type { Change, Collect, CollectInput } from './workspace.ts'

type Host = { git: RunGit; trees: BaseTrees }

/** Makes the collector from host git. */
export function collector(host: Host): Collect {
  return (input, signal) => collect(input, host, signal)
}

/**
 * Takes what the agent left out of the sandbox: git inside it packs what is new, the host checks it in quarantine, renders
 * the diff from it, and only then keeps it in the view's store. Nothing of it stays when this rejects.
 */
async function collect(input: CollectInput, { git, trees }: Host, signal: AbortSignal): Promise<Change> {
  const { sandbox, view, base } = input
  await sandbox.killAll(signal)
  await using quarantine = await openQuarantine(view)
  const baseTree = await trees(view, base, signal)
  const received = await receive({ ...input, baseTree }, quarantine.pack, signal)
  const claim = { tree: received.tree, baseTree: baseTree.id }
  if (claim.tree === claim.baseTree) return unchanged(claim.tree, received)
  const deps = { git, quarantine }
  const { checksum, paths, flagged, linkBecameFolder } = await verify(claim, deps, signal)
  const { patch, stats } = await render({ ...claim, linkBecameFolder }, deps, signal)
  signal.throwIfAborted()
  await quarantine.release(checksum)
  return { tree: claim.tree, patch, stats, flagged, skipped: [...received.left, ...flattened(received, paths)] }
}

const unchanged = (tree: string, { left }: Received): Change => ({
  tree,
  patch: Buffer.alloc(0),
  stats: { files: 0, additions: 0, deletions: 0 },
  flagged: [],
  skipped: left,
})

/** Nested repositories of which something is in the change; others, such as those in ignored folders, are no news. */
function flattened({ nested }: Received, paths: readonly string[]): string[] {
  // Both lists are the agent's to make long: one against the other would take the runner's time for all attempts.
  const sorted = [...paths].sort()
  return nested
    .filter((folder) => firstFrom(sorted, `${folder}/`)?.startsWith(`${folder}/`))
    .slice(0, 20)
    .map((folder) => `${folder}: its files are collected without its own git history`)
}

/** The first of sorted texts that is not before another. */
function firstFrom(sorted: readonly string[], text: string): string | undefined {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] as string) < text) low = middle + 1
    else high = middle
  }
  return sorted[low]
}
