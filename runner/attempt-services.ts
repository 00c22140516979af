import type { AttemptContext } from './attempt-context.ts'
import type { AttemptFailure } from './failure.ts'
import type { SandboxNetwork } from './network/network.ts'
import type { SetUpDeps } from './set-up.ts'
import type { FoundService, Services } from './services/services.ts'

export type ServiceDeps = { services: Services }

type Beside = { network: SandboxNetwork; found: readonly FoundService[] }

/** Starts the services of an attempt beside its sandbox: they are there before anything of the environment runs in it. */
export async function startServices(
  { job, deps, stop, cleanup, settings }: AttemptContext<ServiceDeps & SetUpDeps>,
  { network, found }: Beside,
): Promise<void> {
  if (found.length === 0) return
  const { phases, log } = deps
  const input = {
    owner: { installation: deps.installation, attempt: job.attempt.id, claim: job.attempt.claim },
    found,
    places: network.services,
    note: (message: string) => log.write(phases.current, 'notice', { message }),
    onBroken: (failure: AttemptFailure) => stop.stop({ kind: 'failed', failure }),
    onLeftover: deps.onLeftover,
    cleanup,
  }
  await phases.run({ phase: 'sandbox', limitMs: settings.limits.setupMs }, ({ signal }) =>
    deps.services.start(input, signal),
  )
}
