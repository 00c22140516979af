import type Docker from 'dockerode'
import { DrydockError } from '../../domain/errors.ts'
import { createDemux } from './demux.ts'
import type { DockerErrors } from './docker-errors.ts'
import type { Engine, ServiceInfo, ServiceSpec } from './engine.ts'

const MiB = 1024 * 1024
const GONE = [404]

type Services = Pick<
  Engine,
  'runService' | 'inspectService' | 'startService' | 'serviceLog' | 'removeService' | 'removeVolume'
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
      const created = await unless([409], `create service "${spec.name}"`, docker.createContainer(bodyOf(spec)))
      if (created === undefined) {
        throw new DrydockError('name-taken', `Cannot create service "${spec.name}": a container has that name`)
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
    async serviceLog(name, lines) {
      const options = { stdout: true, stderr: true, tail: lines, follow: false } as const
      const log = await unless(GONE, `read the log of service "${name}"`, docker.getContainer(name).logs(options))
      const pieces = createDemux()(log ?? Buffer.alloc(0))
      return pieces.map(({ chunk }) => chunk.toString()).join('')
    },
    async removeService(name) {
      const container = docker.getContainer(name)
      await unless([304, 404], `stop service "${name}"`, container.stop({ t: 20 }))
      await unless(GONE, `remove service "${name}"`, container.remove({ force: true, v: true }))
    },
    async removeVolume(name) {
      await unless(GONE, `remove volume "${name}"`, docker.getVolume(name).remove({ force: true }))
    },
  }
}

function bodyOf(spec: ServiceSpec): Docker.ContainerCreateOptions {
  const ports = spec.network === 'none' ? [] : spec.network.loopbackPorts
  return {
    name: spec.name,
    Image: spec.image,
    Labels: { ...spec.labels },
    Env: Object.entries(spec.env ?? {}).map(([name, value]) => `${name}=${value}`),
    ...(spec.command ? { Cmd: [...spec.command] } : {}),
    ExposedPorts: Object.fromEntries(ports.map((port) => [`${port}/tcp`, {}])),
    HostConfig: {
      RestartPolicy: { Name: 'unless-stopped' },
      ...(spec.network === 'none' ? { NetworkMode: 'none' } : {}),
      PortBindings: Object.fromEntries(ports.map((port) => [`${port}/tcp`, [{ HostIp: '127.0.0.1', HostPort: '0' }]])),
      SecurityOpt: ['no-new-privileges'],
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
      ...(spec.shmMiB ? { ShmSize: spec.shmMiB * MiB } : {}),
      ...(spec.memoryMiB ? { Memory: spec.memoryMiB * MiB } : {}),
      Mounts: [
        ...(spec.volumes ?? []).map((it) => ({
          Type: 'volume' as const,
          Source: it.name,
          Target: it.target,
          ReadOnly: false,
        })),
        ...(spec.binds ?? []).map((it) => ({
          Type: 'bind' as const,
          Source: it.host,
          Target: it.target,
          ReadOnly: it.readOnly,
        })),
      ],
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
    health: healthOf(info.State.Health?.Status),
    exitCode: info.State.ExitCode,
    labels: info.Config.Labels,
    ports,
  }
}

function healthOf(status: string | undefined): ServiceInfo['health'] {
  return status === 'starting' || status === 'healthy' || status === 'unhealthy' ? status : 'none'
}
