import { CAPS } from '../../domain/environments/limits.ts'
import type { DiffStats } from '../../domain/tasks/attempt.ts'
import type { GitOptions, GitResult } from '../../forge/git.ts'
import { PATCH_TOO_LARGE } from './limits.ts'
import { tooLarge } from './receive.ts'
import { quarantined } from './verify.ts'
import type { Claim, Verified, VerifyDeps } from './verify.ts'

/** Comparing all pairs of removed and added files grows with their product. */
const RENAMES = ['--find-renames', '-l400']
/** `git apply` refuses a file below a symlink that the same patch moves away; as removal and addition it takes both. */
const NO_RENAMES = ['--no-renames']
const PLAIN = ['--no-ext-diff', '--no-textconv', '--no-color', '--src-prefix=a/', '--dst-prefix=b/', '--unified=3']

/** Renders the change from verified objects: `git apply` of it on the base gives the very tree. */
export async function render(
  { tree, baseTree, linkBecameFolder }: Claim & Pick<Verified, 'linkBecameFolder'>,
  deps: VerifyDeps,
  signal: AbortSignal,
): Promise<{ patch: Buffer; stats: DiffStats }> {
  const renames = linkBecameFolder ? NO_RENAMES : RENAMES
  const run = async (flags: readonly string[], options: Partial<GitOptions> = {}): Promise<GitResult> => {
    const args = ['diff-tree', '-r', ...renames, ...PLAIN, ...flags, baseTree, tree]
    const result = await quarantined(deps, args, { ...options, signal })
    if (result.code !== 0 && !result.overflow)
      throw tooLarge('its patch needs more memory or time to make than is allowed')
    return result
  }
  const shown = await run(['--patch', '--binary', '--full-index'], { maxOutputBytes: CAPS.patchBytes })
  if (shown.overflow) throw tooLarge(PATCH_TOO_LARGE)
  const counted = await run(['--numstat', '-z'])
  return { patch: shown.stdout, stats: sum(counted.stdout) }
}

/** Reads `--numstat -z`: a rename has an empty path, and its two names after it. Binary files count no lines. */
function sum(output: Buffer): DiffStats {
  const stats = { files: 0, additions: 0, deletions: 0 }
  const parts = output.toString('latin1').split('\0')
  for (let i = 0; i < parts.length; i++) {
    const [, added, deleted, path] = /^(\d+|-)\t(\d+|-)\t(.*)$/s.exec(parts[i] ?? '') ?? []
    if (path === undefined) continue
    stats.files++
    stats.additions += Number(added) || 0
    stats.deletions += Number(deleted) || 0
    if (path === '') i += 2
  }
  return stats
}
