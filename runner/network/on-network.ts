import type { Mount, SandboxSpec } from '../sandbox/sandbox.ts'
import type { SandboxNetwork } from './network.ts'

/** What of a sandbox depends on its network: without one it has just its own mounts. */
export function onNetwork(
  mounts: readonly Mount[],
  network: SandboxNetwork | undefined,
): Pick<SandboxSpec, 'mounts' | 'network' | 'env'> {
  if (network === undefined) return { mounts }
  return { mounts: [...mounts, ...network.mounts], network: network.attachment, env: network.env }
}
