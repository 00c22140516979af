import { CAPS } from '../../domain/environments/limits.ts'
import type { DiffStats } from '../../domain/tasks/attempt.ts'
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
  const args = ['diff-tree', '-r', ...renames, ...PLAIN, '--numstat', '--patch', '--binary', '--full-index']
  // A patch has each name at least as often as the counts before it.
  const shown = await quarantined(deps, [...args, baseTree, tree], {
    ...{ maxOutputBytes: 2 * CAPS.patchBytes, signal },
    // A file that was made long must not hide what it says: git shows no lines of what is above this.
    config: ['core.bigFileThreshold=4g'],
  })
  if (shown.code !== 0 && !shown.overflow) throw tooLarge('its patch needs more memory or time to make than is allowed')
  const { patch, stats } = split(shown.stdout)
  if (shown.overflow || patch.length > CAPS.patchBytes) throw tooLarge(PATCH_TOO_LARGE)
  return { patch, stats }
}

/** Reads `--numstat --patch`: a line for each file, its names quoted; an empty line; the patch. Binary files count no lines. */
function split(output: Buffer): { patch: Buffer; stats: DiffStats } {
  const end = output.indexOf('\n\n')
  const counts = output
    .toString('latin1', 0, end < 0 ? 0 : end)
    .split('\n')
    .filter(Boolean)
  const stats = { files: counts.length, additions: 0, deletions: 0 }
  for (const line of counts) {
    const [added, deleted] = line.split('\t', 2)
    stats.additions += Number(added) || 0
    stats.deletions += Number(deleted) || 0
  }
  return { patch: end < 0 ? Buffer.alloc(0) : output.subarray(end + 2), stats }
}
