import { newId } from '../../domain/ids.ts'
import { onNetwork } from '../network/on-network.ts'
import type { Networks, SandboxNetwork } from '../network/network.ts'
import type { Sandbox, SandboxFactory } from '../sandbox/sandbox.ts'
import type { CheckedOut, CheckOut } from '../workspace/workspace.ts'
import type { Recipe } from './recipe.ts'

const MAKE_LIMIT_MS = 120_000

/** A sandbox that waits: started, checked out, frozen. Whoever takes it destroys it, then closes its network. */
export type Ready = {
  /** What its container carries in place of an attempt. */
  owner: string
  sandbox: Sandbox
  network: SandboxNetwork | undefined
  left: CheckedOut
}

export type MakeDeps = {
  installation: string
  createSandbox: SandboxFactory
  networks: Pick<Networks, 'take'>
  checkOut: CheckOut
}

/** Makes a ready sandbox. Leaves nothing behind when it rejects. Nothing passes its network before someone permits it. */
export async function makeReady(
  recipe: Recipe,
  { deps, owner }: { deps: MakeDeps; owner: string },
  stop: AbortSignal,
): Promise<Ready> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(MAKE_LIMIT_MS)])
  const network = recipe.isNetworked ? await deps.networks.take({ attempt: null, claim: 0 }, signal) : undefined
  const sandbox = deps.createSandbox({
    ...recipe.spec,
    owner: { installation: deps.installation, attempt: owner, claim: 0 },
    ...onNetwork(recipe.spec.mounts, network),
  })
  try {
    await sandbox.start(signal)
    const { view, base } = recipe.checkout
    const left = await deps.checkOut({ sandbox, view, base, onOutput: () => undefined, leave: true }, signal)
    await sandbox.freeze()
    return { owner, sandbox, network, left }
  } catch (error) {
    await discard({ sandbox, network })
    throw error
  }
}

/** Never rejects: the sweep removes what could not be. */
export async function discard({ sandbox, network }: Pick<Ready, 'sandbox' | 'network'>): Promise<void> {
  await sandbox.destroy().catch(() => undefined)
  await network?.close().catch(() => undefined)
}

export const newOwner = () => `warm-${newId()}`
