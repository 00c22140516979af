import type { Service } from '../../domain/environments/parts.ts'
import type { CleanupStack } from '../cleanup.ts'
import { resolveImage } from '../environment/image.ts'
import type { ImageDeps } from '../environment/image.ts'
import { AttemptFailure } from '../failure.ts'
import type { Attachment, NetworkService } from '../network/network.ts'
import type { Engine } from '../sandbox/engine.ts'
import type { SandboxOwner } from '../sandbox/sandbox.ts'
import { untilListening } from './listening.ts'
import { startServices } from './start-services.ts'

/** A service whose image the engine has; `ports` are those at which it is waited for. */
export type FoundService = { service: Service; image: string; ports: readonly number[] }

export type StartInput = {
  owner: SandboxOwner
  found: readonly FoundService[]
  /** How each is put into the sandbox's network. */
  places: readonly Attachment[]
  /** Tells people what happens to a service after it was there. */
  note: (message: string) => Promise<void>
  /** A service does what ends the work on all of it. */
  onBroken: (failure: AttemptFailure) => void
  onLeftover: (error: unknown) => void
  /** They go with it. */
  cleanup: CleanupStack
}

/** The services that an environment declares. Both reject with AttemptFailure `service-failed`, which names the service. */
export type Services = {
  find: (
    services: readonly Service[],
    onProgress: (line: string) => void,
    signal: AbortSignal,
  ) => Promise<FoundService[]>
  /** Resolves when each of them runs and takes connections. */
  start: (input: StartInput, signal: AbortSignal) => Promise<void>
}

export type ServicesDeps = {
  engine: Pick<Engine, 'createSidecar' | 'imageInfo' | 'pull' | 'runOnce'>
  images: Pick<ImageDeps, 'ownImage' | 'allowedRegistries'>
  onPull: ImageDeps['onPull']
}

export function servicesOf(deps: ServicesDeps): Services {
  const { engine, images } = deps
  return {
    find: (services, onProgress, signal) =>
      Promise.all(services.map((service) => find(service, { deps, onProgress }, signal))),
    start: (input, signal) =>
      startServices(
        input,
        {
          createSidecar: engine.createSidecar,
          untilListening: async (targets, until) => {
            const image = (await images.ownImage('gateway', until, () => undefined)) ?? ''
            await untilListening(targets, { engine, image, owner: input.owner }, until)
          },
        },
        signal,
      ),
  }
}

/** What the sandbox is told of a service: a port where there can be no doubt which. */
export const networkService = ({ service, ports }: FoundService): NetworkService => ({
  name: service.name,
  ...(ports.length === 1 && ports[0] !== undefined && { port: ports[0] }),
})

type FindInput = { deps: ServicesDeps; onProgress: (line: string) => void }

async function find(service: Service, { deps, onProgress }: FindInput, signal: AbortSignal): Promise<FoundService> {
  const { engine, images, onPull } = deps
  // Names of ours mean images of ours for sandboxes only: here `postgres` is everybody's.
  const of = { engine, onPull, allowedRegistries: images.allowedRegistries, ownImage: async () => undefined }
  try {
    const { ref } = await resolveImage(service.image, { deps: of, onProgress }, signal)
    const { port } = service
    const ports = port === undefined ? ((await engine.imageInfo(ref))?.tcpPorts ?? []) : [port]
    return { service, image: ref, ports }
  } catch (error) {
    if (!(error instanceof AttemptFailure)) throw error
    throw new AttemptFailure('service-failed', `Cannot start service "${service.name}": ${error.message}`, {
      cause: error,
    })
  }
}
