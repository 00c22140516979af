import type Docker from 'dockerode'
import { DrydockError } from '../../domain/errors.ts'
import { createDemux } from './demux.ts'
import type { DockerErrors } from './docker-errors.ts'
import type { Engine, ServiceInfo } from './engine.ts'
import { laterNetworks, serviceBody } from './service-body.ts'

const GONE = [404]

type Services = Pick<
  Engine,
  | 'runService'
  | 'inspectService'
  | 'startService'
  | 'restartService'
  | 'waitService'
  | 'serviceLog'
  | 'removeService'
  | 'removeVolume'
>

/** Containers that outlive attempts. Contracts: `Engine`. */
export function dockerServices(docker: Docker, errors: DockerErrors): Services {
  const { during, unless } = errors
  const inspect = async (name: string) => {
    const info = await unless(GONE, `inspect service "${name}"`, docker.getContainer(name).inspect())
    return info && infoOf(info)
  }
  return {
    async runService(spec, signal) {
      signal.throwIfAborted()
      for (const { name } of spec.volumes ?? []) {
        await during(`create volume "${name}"`, docker.createVolume({ Name: name, Labels: { ...spec.labels } }))
      }
      const created = await unless([409], `create service "${spec.name}"`, docker.createContainer(serviceBody(spec)))
      if (created === undefined) {
        throw new DrydockError('name-taken', `Cannot create service "${spec.name}": a container has that name`)
      }
      for (const { name, address } of laterNetworks(spec)) {
        const EndpointConfig = { IPAMConfig: { IPv4Address: address } }
        const connecting = docker.getNetwork(name).connect({ Container: created.id, EndpointConfig })
        await during(`connect service "${spec.name}" to a network`, connecting as Promise<unknown>)
      }
      await during(`start service "${spec.name}"`, created.start())
      const info = await inspect(spec.name)
      if (info === undefined) throw new DrydockError('internal', `Cannot start service "${spec.name}": it was removed`)
      return info
    },
    inspectService: inspect,
    async startService(name) {
      // The engine answers 304 when it runs already; for us that is success.
      await unless([304], `start service "${name}"`, docker.getContainer(name).start())
    },
    async restartService(name) {
      await during(`restart service "${name}"`, docker.getContainer(name).restart({ t: 0 }))
    },
    async waitService(name, signal) {
      const waiting = docker.getContainer(name).wait({ condition: 'not-running', abortSignal: signal })
      await unless(GONE, `wait for service "${name}"`, waiting as Promise<unknown>, Infinity)
    },
    async serviceLog(name, lines) {
      const options = { stdout: true, stderr: true, tail: lines, follow: false } as const
      const log = await unless(GONE, `read the log of service "${name}"`, docker.getContainer(name).logs(options))
      const pieces = createDemux()(log ?? Buffer.alloc(0))
      return pieces.map(({ chunk }) => chunk.toString()).join('')
    },
    async removeService(name, { atOnce } = { atOnce: false }) {
      const container = docker.getContainer(name)
      if (!atOnce) await unless([304, 404], `stop service "${name}"`, container.stop({ t: 20 }))
      await unless(GONE, `remove service "${name}"`, container.remove({ force: true, v: true }))
    },
    async removeVolume(name) {
      await unless(GONE, `remove volume "${name}"`, docker.getVolume(name).remove({ force: true }))
    },
  }
}

function infoOf(info: Docker.ContainerInspectInfo): ServiceInfo {
  const ports = new Map<number, number>()
  for (const [port, bindings] of Object.entries(info.NetworkSettings.Ports ?? {})) {
    const bound = (bindings as { HostPort: string }[] | null)?.[0]
    if (bound !== undefined) ports.set(Number.parseInt(port, 10), Number(bound.HostPort))
  }
  return {
    id: info.Id,
    name: info.Name.slice(1),
    image: info.Image,
    running: info.State.Running,
    startedAt: new Date(info.State.StartedAt),
    health: healthOf(info.State.Health?.Status),
    exitCode: info.State.ExitCode,
    labels: info.Config.Labels,
    ports,
  }
}

function healthOf(status: string | undefined): ServiceInfo['health'] {
  return status === 'starting' || status === 'healthy' || status === 'unhealthy' ? status : 'none'
}
