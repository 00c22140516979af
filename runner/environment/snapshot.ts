import { AttemptFailure } from '../failure.ts'
import { launch, shellFor } from '../sandbox/run-script.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import { searchForSecrets } from '../secrets/search.ts'
import type { SetupSecret } from '../secrets/spellings.ts'

export type SnapshotInput = {
  installation: string
  environment: { setupScript: string; variables: Readonly<Record<string, string>> }
  /** What only set-up may know: in its environment, and nowhere in what it leaves (R22). */
  secrets: readonly SetupSecret[]
  /** Those of the checkouts. */
  folders: readonly string[]
  /** The name of the image. */
  tag: string
}

export type SnapshotDeps = {
  /** A sandbox from the environment's image with the default branches checked out; it is destroyed here. */
  prepare: (signal: AbortSignal) => Promise<Sandbox>
  /** Puts the checkouts in order for the sandboxes that begin with it, once nothing of set-up runs any more. */
  settle: (sandbox: Sandbox, signal: AbortSignal) => Promise<void>
  onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => void | Promise<void>
}

/**
 * Makes the image in which the setup script has run. The container in which it ran is gone when this resolves, so that no
 * process of setup reaches the agent (R20a).
 */
export async function makeSnapshot(
  { installation, environment, secrets, folders, tag }: SnapshotInput,
  { prepare, settle, onOutput }: SnapshotDeps,
  signal: AbortSignal,
): Promise<{ sizeBytes: number }> {
  await using sandbox = await prepare(signal)
  const { setupScript: script, variables } = environment
  const exit = await runSetup(sandbox, { script, variables, secrets, folders, onOutput }, signal)
  if (exit !== 0) {
    throw new AttemptFailure(
      'setup-failed',
      `Cannot set up the environment: the setup script ended with exit code ${exit ?? 'unknown'}. Its output is in the log.`,
    )
  }
  await sandbox.killAll(signal)
  await settle(sandbox, signal)
  await searchForSecrets(sandbox, { secrets }, signal)
  const labels = { 'drydock.installation': installation, 'drydock.kind': 'snapshot' }
  return sandbox.commit(tag, labels, signal)
}

/** Checkouts belong to the agent's user, and git run by root would refuse to work in them. */
const trusting = (folders: readonly string[]): Record<string, string> => ({
  GIT_CONFIG_COUNT: String(folders.length),
  ...Object.fromEntries(
    folders.flatMap((folder, i) => [
      [`GIT_CONFIG_KEY_${i}`, 'safe.directory'],
      [`GIT_CONFIG_VALUE_${i}`, folder],
    ]),
  ),
})

export type SetupRun = {
  script: string
  variables: Readonly<Record<string, string>>
  secrets: readonly SetupSecret[]
  /** Those of the checkouts. */
  folders: readonly string[]
  onOutput: SnapshotDeps['onOutput']
}

/**
 * Runs a setup or maintenance script as the container's root, in a shell of its own, and gives what it made in the
 * workspace to the agent. Resolves to its exit code.
 */
export async function runSetup(
  sandbox: Sandbox,
  { script, variables, secrets, folders, onOutput }: SetupRun,
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
      // Of this one command: what the image and later commands get has none of it (R22).
      env: { ...variables, ...environmentOf(secrets), ...trusting(folders), HOME: '/root' },
      onOutput,
    },
    signal,
  )
  if (code === 0) await sandbox.exec({ command: ['chown', '-Rh', '1000:1000', '/workspace'], user: 'root' }, signal)
  return code
}

const environmentOf = (secrets: readonly SetupSecret[]) =>
  Object.fromEntries(secrets.map(({ name, value }) => [name, value]))
