import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type Docker from 'dockerode'
import { newId } from '../../domain/ids.ts'
import { untilAborted } from './aborted.ts'
import { createDemux } from './demux.ts'
import type { DockerErrors } from './docker-errors.ts'
import { LABELS } from './engine.ts'
import type { NetworkEngine, OneShot } from './network-engine.ts'

/** Nobody waits any more for a helper of a process that is gone. */
export const THIS_PROCESS = newId()
const MAX_OUTPUT_BYTES = 256 * 1024

/** Containers for one command. Contract: `NetworkEngine.runOnce`. */
export function dockerOneShot(docker: Docker, { during, unless }: DockerErrors): Pick<NetworkEngine, 'runOnce'> {
  return {
    async runOnce(spec, signal) {
      signal.throwIfAborted()
      const container = await during('create a helper container', docker.createContainer(bodyOf(spec)))
      try {
        const options = { stream: true, stdin: spec.stdin !== undefined, stdout: true, stderr: true, hijack: true }
        const stream = (await during('attach to a helper container', container.attach(options))) as Duplex
        stream.on('error', () => {})
        try {
          await during('start a helper container', container.start())
          if (spec.stdin !== undefined) void feed(stream, spec.stdin)
          const output = await untilAborted(read(stream, spec.onOutput), signal)
          const { StatusCode } = (await untilAborted(
            during('wait for a helper container', container.wait() as Promise<unknown>, Infinity),
            signal,
          )) as { StatusCode: number }
          return { code: StatusCode, ...output }
        } finally {
          stream.destroy()
        }
      } finally {
        await unless([404, 409], 'remove a helper container', container.remove({ force: true, v: true }))
      }
    },
  }
}

async function read(stream: Duplex, onOutput: OneShot['onOutput']): Promise<{ stdout: string; stderr: string }> {
  const demux = createDemux()
  const output = { stdout: '', stderr: '' }
  try {
    for await (const data of stream) {
      for (const piece of demux(data as Buffer)) {
        if (output[piece.stream].length < MAX_OUTPUT_BYTES) output[piece.stream] += piece.chunk.toString()
        if (piece.stream === 'stdout') onOutput?.(piece.chunk.toString())
      }
    }
  } catch {
    // The container went away; its exit code says what that means.
  }
  return output
}

async function feed(stream: Duplex, source: AsyncIterable<string>): Promise<void> {
  const closed = new AbortController()
  stream.once('close', () => closed.abort())
  try {
    for await (const text of source) {
      if (stream.destroyed) return
      if (!stream.write(text)) await once(stream, 'drain', { signal: closed.signal })
    }
  } catch {
    // Without its input the command ends, and says so.
  }
  stream.end()
}

function bodyOf(spec: OneShot): Docker.ContainerCreateOptions {
  const { network } = spec
  const [program = '', ...args] = spec.command
  return {
    Image: spec.image,
    Labels: { ...spec.labels, [LABELS.helper]: THIS_PROCESS },
    Entrypoint: [program],
    Cmd: args,
    User: '65534:65534',
    Env: Object.entries(spec.env ?? {}).map(([name, value]) => `${name}=${value}`),
    Healthcheck: { Test: ['NONE'] },
    OpenStdin: spec.stdin !== undefined,
    StdinOnce: spec.stdin !== undefined,
    AttachStdin: spec.stdin !== undefined,
    HostConfig: {
      ...networkOf(network),
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      LogConfig: { Type: 'none', Config: {} },
      Memory: 128 * 1024 * 1024,
      PidsLimit: 64,
      RestartPolicy: { Name: 'no' },
    },
    ...endpointOf(network),
  }
}

function networkOf(network: OneShot['network']) {
  if (typeof network === 'string') return { NetworkMode: network }
  if ('container' in network) return { NetworkMode: `container:${network.container}` }
  return { NetworkMode: network.name, Dns: [network.dns] }
}

function endpointOf(network: OneShot['network']) {
  if (typeof network === 'string' || 'container' in network) return {}
  const endpoint = { IPAMConfig: { IPv4Address: network.address } }
  return { NetworkingConfig: { EndpointsConfig: { [network.name]: endpoint } } }
}
