import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readServerConfig } from '../../bin/config.ts'
import { ownImages } from '../../bin/own-images.ts'
import { cleanupStack } from '../../runner/cleanup.ts'
import { createDockerEngine } from '../../runner/sandbox/docker.ts'
import { LABELS } from '../../runner/sandbox/engine.ts'
import { docker } from '../gateway/containers.ts'
import { atExit, removeLabelled } from '../support/at-exit.ts'
import { makeFolder } from '../support/folder.ts'
import { progress } from '../support/report.ts'
import { ALLOWED, DENIED, startRecorder, type Recorder } from './recorder.ts'
import { RunnerChild } from './runner-child.ts'
import { Sandboxes } from './sandboxes.ts'

export type World = AsyncDisposable & {
  installation: string
  recorder: Recorder
  /** The ledger of all its runners. */
  store: string
  /** What they had to say. */
  log: string[]
  startRunner: () => RunnerChild
  createSandboxes: () => Sandboxes
  /** What there still is of it at the engine. */
  remains: () => Promise<string[]>
}

/** An installation of its own, without anything running. Disposing leaves nothing of it. */
export async function createWorld(pauseMs: number): Promise<World> {
  const cleanup = cleanupStack()
  try {
    const installation = `fault-${randomBytes(4).toString('hex')}`
    const folder = makeFolder('drydock-fault-gateway-', cleanup)
    const dataDir = join(folder, 'data')
    mkdirSync(dataDir)
    const removeAll = () => removeLabelled(installation)
    const forget = atExit(removeAll)
    cleanup.defer(() => {
      removeAll()
      forget()
    })
    const image = await gatewayImage()
    const recorder = await startRecorder()
    cleanup.defer(() => recorder[Symbol.asyncDispose]())
    await sendControl(recorder, image)
    const [store, log] = [join(folder, 'ledger.jsonl'), [] as string[]]
    const { address, ports, ca } = recorder
    const upstream = { address, ca, ports: [ports.http, ports.https] }
    const inside = {
      ...{ allowed: { name: ALLOWED, http: ports.http, https: ports.https }, pauseMs },
      denied: { name: DENIED, address, port: ports.forbidden },
      foreign: [address, ...bridgeAddresses()],
      ports: [ports.forbidden, ports.http, 3128],
      resolvers: ['192.0.2.53', ...nameservers()],
    }
    return {
      ...{ installation, recorder, store, log },
      startRunner: () => new RunnerChild({ installation, dataDir, image, store, upstream }, log),
      createSandboxes: () => new Sandboxes({ installation, image, inside }),
      remains: () => remainsOf(installation),
      [Symbol.asyncDispose]: async () => cleanup[Symbol.asyncDispose](),
    }
  } catch (error) {
    await cleanup[Symbol.asyncDispose]()
    throw error
  }
}

async function gatewayImage(): Promise<string> {
  const { images, dockerSocket } = readServerConfig(process.env)
  const engine = createDockerEngine({ socketPath: dockerSocket })
  const own = ownImages(images, async (ref) => (await engine.imageInfo(ref)) !== undefined)
  const image = (await own.ensure('gateway', AbortSignal.timeout(1_200_000), progress)) ?? ''
  await engine[Symbol.asyncDispose]()
  return image
}

export const CONTROL = '/control'

/** A container that is not in a sandbox's network reaches the forbidden server: a way out would be seen. */
async function sendControl({ address, ports }: Recorder, image: string): Promise<void> {
  const script = `fetch('http://${address}:${ports.forbidden}${CONTROL}').catch(() => {})`
  await docker('run', '--rm', '--entrypoint=node', image, '-e', script)
}

const bridgeAddresses = () => ['172.17.0.1']

function nameservers(): string[] {
  const text = readFileSync('/etc/resolv.conf', 'utf8')
  return [...text.matchAll(/^nameserver (\d+\.\d+\.\d+\.\d+)$/gm)].map((match) => match[1] ?? '').slice(0, 2)
}

async function remainsOf(installation: string): Promise<string[]> {
  const filter = `label=${LABELS.installation}=${installation}`
  const names = await Promise.all([
    docker('ps', '-a', '--filter', filter, '--format', 'container {{.Names}}'),
    docker('network', 'ls', '--filter', filter, '--format', 'network {{.Name}}'),
  ])
  return names.flatMap((text) => text.split('\n')).filter((name) => name !== '')
}
