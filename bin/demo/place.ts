import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { usageError } from '../../cli/errors.ts'
import { ensureSampleRepository } from '../sample-repository.ts'
import { copyLocal, copyRemote, requireBranch } from './bare-copy.ts'
import { hostGit } from './host-git.ts'
import { inspectSource } from './local-source.ts'
import { isUrl } from './plan.ts'
import type { DemoPlan } from './plan.ts'

/** Where the demo's task works and publishes. */
export type Place = {
  /** What the environment names, and where the branch ends up. */
  origin: string
  branch: string
  /** Folders that the demo's server may read. */
  roots: string[]
  /** What a person should know before it starts. */
  notes: string[]
}

/** Makes the repository that the task works on: the sample, a copy, or with --push the one that was named. */
export async function preparePlace(plan: DemoPlan, env: NodeJS.ProcessEnv): Promise<Place> {
  await mkdir(plan.dataDir, { recursive: true, mode: 0o700 })
  const folder = join(plan.dataDir, 'repositories')
  await mkdir(folder, { recursive: true })
  const place = await placeOf(plan, { folder, env })
  if (plan.branch === undefined) return place
  if (!isUrl(place.origin)) await requireBranch(plan.branch, { origin: place.origin, env })
  return { ...place, branch: plan.branch }
}

type Options = { folder: string; env: NodeJS.ProcessEnv }

async function placeOf(plan: DemoPlan, { folder, env }: Options): Promise<Place> {
  if (plan.repo === undefined) {
    const sample = await ensureSampleRepository(join(folder, 'sample.git'), hostGit(env))
    return { ...sample, roots: [folder], notes: [] }
  }
  return isUrl(plan.repo) ? remotePlace(plan, plan.repo, { folder, env }) : localPlace(plan, plan.repo, { folder, env })
}

async function remotePlace(plan: DemoPlan, url: string, options: Options): Promise<Place> {
  if (plan.push) return { origin: url, branch: plan.branch ?? 'HEAD', roots: [options.folder], notes: [] }
  const copy = await copyRemote(url, options)
  return { ...copy, roots: [options.folder], notes: ['Working on a copy; --push publishes to the repository itself.'] }
}

async function localPlace(plan: DemoPlan, path: string, { folder, env }: Options): Promise<Place> {
  const configFile = join(folder, 'git-config')
  const source = await inspectSource(path, { env, configFile })
  const notes = uncommittedNote(source.uncommitted)
  if (plan.push) {
    const branch = plan.branch ?? source.branch
    if (branch === undefined)
      throw usageError('Cannot use --push: no branch is checked out there; name one with --branch')
    return { origin: source.path, branch, roots: [folder, ...source.folders], notes }
  }
  const copy = await copyLocal(source, { folder, env, configFile })
  notes.push('Working on a copy; --push publishes to the repository itself.')
  if (source.branch === undefined)
    notes.push(`No branch is checked out; starting from commit ${source.head.slice(0, 12)}.`)
  return { ...copy, roots: [folder], notes }
}

function uncommittedNote(count: number): string[] {
  if (count === 0) return []
  const changes = count === 1 ? '1 uncommitted change is' : `${count} uncommitted changes are`
  return [`${changes} left out: a task starts from what is committed.`]
}
