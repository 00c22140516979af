import { createHash } from 'node:crypto'
import type { NewSnapshot, Snapshot } from '../../domain/environments/snapshots.ts'
import { AttemptFailure } from '../failure.ts'
import { launch, shellFor } from '../sandbox/run-script.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import type { ResolvedImage } from './image.ts'

const HOUR = 3_600_000
const SNAPSHOT_TTL_MS = 12 * HOUR

/** What an older program made is not what this one begins with. */
const SNAPSHOT_FORM = 2

export type SnapshotInput = {
  installation: string
  environment: {
    id: string
    setupScript: string
    variables: Readonly<Record<string, string>>
    repository: string
  }
  image: ResolvedImage
  /** The default branch's head, which set-up starts from. */
  fromCommit: string
}

export type SnapshotDeps = {
  find: (key: Pick<Snapshot, 'environmentId' | 'key'>) => Promise<Snapshot | undefined>
  save: (snapshot: NewSnapshot) => Promise<void>
  imageExists: (ref: string) => Promise<boolean>
  /** A sandbox from the environment's image with the default branch checked out; the caller destroys it. */
  prepare: (signal: AbortSignal) => Promise<Sandbox>
  /** Puts the checkout in order for the sandboxes that begin with it, once nothing of set-up runs any more. */
  settle: (sandbox: Sandbox, signal: AbortSignal) => Promise<void>
  onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => void | Promise<void>
  notice: (message: string) => Promise<void>
}

/**
 * Gives the image in which the setup script has run: the valid snapshot, or a new one. The container in which it ran is
 * gone when this resolves, so that no process of setup reaches the agent (R20a).
 */
export async function environmentSnapshot(
  input: SnapshotInput,
  deps: SnapshotDeps,
  signal: AbortSignal,
): Promise<string> {
  const key = snapshotKey(input)
  const found = await deps.find({ environmentId: input.environment.id, key })
  if (found && (await deps.imageExists(found.image))) {
    await deps.notice(`Set-up: cache hit, made ${found.createdAt.toISOString()} from ${found.fromCommit.slice(0, 10)}`)
    return found.image
  }
  await deps.notice(
    found
      ? 'Set-up: cache miss, the image is gone'
      : 'Set-up: cache miss, nothing valid for these scripts, variables and image',
  )
  return build({ ...input, key }, deps, signal)
}

/** All that decides what set-up yields. The commit does not: a snapshot serves later commits of its branch, too. */
export function snapshotKey({ environment, image }: Pick<SnapshotInput, 'environment' | 'image'>): string {
  const variables = Object.entries(environment.variables).sort(([a], [b]) => (a < b ? -1 : 1))
  const parts = [SNAPSHOT_FORM, image.digest, environment.setupScript, variables, environment.repository]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

async function build(input: SnapshotInput & { key: string }, deps: SnapshotDeps, signal: AbortSignal): Promise<string> {
  const { environment, key } = input
  await using sandbox = await deps.prepare(signal)
  const exit = await runSetup(
    sandbox,
    { script: environment.setupScript, variables: environment.variables, onOutput: deps.onOutput },
    signal,
  )
  if (exit !== 0) {
    throw new AttemptFailure(
      'setup-failed',
      `Cannot set up the environment: the setup script ended with exit code ${exit ?? 'unknown'}. Its output is in the log.`,
    )
  }
  await sandbox.killAll(signal)
  await deps.settle(sandbox, signal)
  const tag = `drydock/snapshot:${environment.id}-${key.slice(0, 16)}`
  const labels = { 'drydock.installation': input.installation, 'drydock.kind': 'snapshot' }
  const { sizeBytes } = await sandbox.commit(tag, labels, signal)
  await deps.save({
    environmentId: environment.id,
    key,
    image: tag,
    fromCommit: input.fromCommit,
    sizeBytes,
    ttlMs: SNAPSHOT_TTL_MS,
  })
  return tag
}

/** The checkout belongs to the agent's user, and git run by root would refuse to work in it. */
const TRUSTED_WORKSPACE = {
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'safe.directory',
  GIT_CONFIG_VALUE_0: '/workspace',
}

export type SetupRun = {
  script: string
  variables: Readonly<Record<string, string>>
  onOutput: SnapshotDeps['onOutput']
}

/**
 * Runs a setup or maintenance script as the container's root, in a shell of its own, and gives what it made in the
 * workspace to the agent. Resolves to its exit code.
 */
export async function runSetup(
  sandbox: Sandbox,
  { script, variables, onOutput }: SetupRun,
  signal: AbortSignal,
): Promise<number | null> {
  const path = '/drydock/setup.sh'
  const { code } = await launch(
    sandbox,
    {
      argv: shellFor(path),
      files: [{ path, content: script, mode: 0o600 }],
      user: 'root',
      cwd: '/workspace',
      env: { ...variables, ...TRUSTED_WORKSPACE, HOME: '/root' },
      onOutput,
    },
    signal,
  )
  if (code === 0) await sandbox.exec({ command: ['chown', '-Rh', '1000:1000', '/workspace'], user: 'root' }, signal)
  return code
}
