import Docker from 'dockerode'
import { untilAborted } from './aborted.ts'
import { ContainerSandbox } from './container-sandbox.ts'
import { ContainerSidecar } from './container-sidecar.ts'
import { dockerCalls } from './docker-calls.ts'
import { dockerErrors } from './docker-errors.ts'
import { dockerImageUse } from './docker-image-use.ts'
import { dockerImages } from './docker-images.ts'
import { dockerNetworks } from './docker-networks.ts'
import { dockerOneShot } from './docker-one-shot.ts'
import { dockerOwned } from './docker-owned.ts'
import { dockerPlainImages } from './docker-plain-images.ts'
import { dockerServices } from './docker-services.ts'
import type { Engine } from './engine.ts'
import { findBy } from './find.ts'
import type { Programs } from './find.ts'
import { LimitWatch } from './watch.ts'

const GiB = 1024 ** 3

export type DockerEngineOptions = {
  socketPath?: string
  /** Below this much free space on the engine's disk every sandbox is stopped. Default 1 GiB. */
  freeFloorBytes?: number
  /** A folder on the engine's disk, by which free space is told where the engine's own folders cannot be seen. */
  diskFolder?: string
  /** False works as if the engine were on another machine: coarser limits, slower `killAll`. Default true. */
  hostAccess?: boolean
  /** Who starts programs on this machine. Default: this process does. */
  programs?: Programs
  /** False makes networks like an engine that does not know how to leave a bridge without an address. Default true. */
  bareBridges?: boolean
}

/** The Docker engine behind a unix socket. Nothing is opened before the first call. */
export function createDockerEngine(options: DockerEngineOptions = {}): Engine {
  const socketPath = options.socketPath ?? '/var/run/docker.sock'
  const docker = new Docker({ socketPath })
  const errors = dockerErrors(socketPath)
  const calls = dockerCalls(docker, errors)
  const find = findBy(options.programs)
  const watch = new LimitWatch(calls, {
    find,
    freeFloorBytes: options.freeFloorBytes ?? GiB,
    ...(options.diskFolder !== undefined && { diskFolder: options.diskFolder }),
  })
  const imageUse = dockerImageUse(docker, errors)
  const withoutVolumes = dockerPlainImages(docker, errors, imageUse.touchImage)
  const services = dockerServices(docker, errors)
  const hostAccess = options.hostAccess ?? true
  return {
    ...dockerImages(docker, errors),
    ...imageUse,
    ...dockerOwned(docker, errors),
    ...services,
    ...dockerNetworks(docker, errors, { bareBridges: options.bareBridges ?? true }),
    ...dockerOneShot(docker, errors),
    createSandbox: (spec) => new ContainerSandbox(spec, { calls, watch, withoutVolumes, hostAccess, find }),
    createSidecar: (spec) => new ContainerSidecar(spec, { calls, services, watch, withoutVolumes, hostAccess, find }),
    async ping(signal) {
      await untilAborted(errors.during('reach the Docker engine', docker.ping() as Promise<unknown>), signal)
    },
    async [Symbol.asyncDispose]() {
      watch.stop()
    },
  }
}
