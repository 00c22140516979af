import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { CliError } from '../cli/errors.ts'

/** Makes the machine ready by scripts/setup: engine, base and postgres. Quick when there is nothing to do. */
export async function prepareMachine(root: string, env: NodeJS.ProcessEnv): Promise<void> {
  // Inside the server image the engine and the images are somebody else's.
  if (env.DRYDOCK_PREBUILT === '1') return
  const child = spawn(join(root, 'scripts', 'setup'), { stdio: ['ignore', 2, 2] })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (code === 0) return
  throw new CliError('setup-failed', 'Cannot start: this machine is not ready; the lines above say why', {
    exitCode: code === 2 ? 2 : 1,
  })
}
