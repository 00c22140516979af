import { CAPS } from '../../domain/environments/limits.ts'
import { limitedGit } from '../../forge/git.ts'
import type { MirrorView } from '../../forge/mirrors.ts'
import { AttemptFailure } from '../failure.ts'
import type { Base, Change } from './workspace.ts'

export async function verifyPack(
  { view, base, tree, pack, path }: { view: MirrorView; base: Base; tree: string; pack: Buffer; path: string },
  signal: AbortSignal,
): Promise<Omit<Change, 'skipped'>> {
  const git = limitedGit(path)
  const limits = { addressSpaceBytes: 1024 ** 3, cpuSeconds: 60 }
  const indexed = await git(
    ['index-pack', '--strict', '--fsck-objects', '--stdin', `--max-input-size=${CAPS.packBytes}`],
    { gitDir: view.store, stdin: pack, limits, signal },
  )
  if (indexed.code !== 0)
    throw new AttemptFailure('tree-refused', `Cannot take the change: ${indexed.stderr.slice(0, 300)}`)
  const diff = await git(
    ['diff-tree', '-p', '--binary', '--full-index', '--no-ext-diff', '--no-textconv', '--no-color', base.commit, tree],
    { gitDir: view.store, limits, signal, maxOutputBytes: CAPS.patchBytes },
  )
  if (diff.code !== 0)
    throw new AttemptFailure('collect-failed', `Cannot show the change: ${diff.stderr.slice(0, 300)}`)
  const stat = await git(['diff-tree', '-r', '--numstat', base.commit, tree], { gitDir: view.store, limits, signal })
  const rows = stat.stdout
    .toString('latin1')
    .split('\n')
    .filter(Boolean)
    .map((row) => row.split('\t'))
  const sum = (i: number) => rows.reduce((total, row) => total + (Number(row[i]) || 0), 0)
  return { tree, patch: diff.stdout, stats: { files: rows.length, additions: sum(0), deletions: sum(1) }, flagged: [] }
}
