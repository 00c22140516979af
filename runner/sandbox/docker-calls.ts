import { addAbortSignal, type Duplex, type Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type Docker from 'dockerode'
import { SLOW_LIMIT_MS, stateOf, wordsOf, type DockerErrors } from './docker-errors.ts'
import { dockerImages } from './docker-images.ts'
import { LABELS } from './engine.ts'
import { jsonLines } from './json-lines.ts'
import type { ContainerFacts, EngineCalls } from './engine-calls.ts'

const GONE = [404]
const NOT_RUNNING = [404, 409]
const PAUSED_MS = 5000

/** The calls of a sandbox, over the engine's HTTP interface. */
export function dockerCalls(docker: Docker, errors: DockerErrors): EngineCalls {
  const { during, unless } = errors
  const container = (id: string) => docker.getContainer(id)
  return {
    async image(ref) {
      const info = await unless(GONE, `look image "${ref}" up`, docker.getImage(ref).inspect())
      if (info === undefined) return undefined
      return { id: info.Id, sizeBytes: info.Size, volumes: Object.keys(info.Config.Volumes ?? {}) }
    },
    async create(name, body) {
      const created = await unless(GONE, 'create a sandbox', docker.createContainer({ name, ...body }))
      return created?.id
    },
    async attach(id) {
      const options = { stream: true, stdin: true, stdout: true, stderr: true, hijack: true }
      return (await during('attach to a sandbox', container(id).attach(options))) as Duplex
    },
    async start(id) {
      await during('start a sandbox', container(id).start().catch(missingShell))
    },
    async inspect(id) {
      const info = await unless(GONE, 'inspect a sandbox', container(id).inspect())
      return info && factsOf(info)
    },
    async execCreate(id, body) {
      const create = () =>
        container(id).exec({
          AttachStdin: body.stdin,
          AttachStdout: true,
          AttachStderr: true,
          Tty: false,
          Cmd: [...body.command],
          Env: [...body.env],
          User: body.user,
          WorkingDir: body.cwd,
        })
      return (await unless(NOT_RUNNING, 'run a command in a sandbox', oncePaused(create)))?.id
    },
    async execStart(exec, { stdin }) {
      const start = () => docker.getExec(exec).start({ hijack: true, stdin, Detach: false, Tty: false })
      return await unless(NOT_RUNNING, 'run a command in a sandbox', oncePaused(start))
    },
    async execInspect(exec) {
      const info = await unless(NOT_RUNNING, 'ask how a command ended', docker.getExec(exec).inspect())
      if (info === undefined) return undefined
      return { begun: info.Pid > 0 || info.ExitCode !== null, running: info.Running, exitCode: info.ExitCode }
    },
    pause: (id) => during('freeze a sandbox', container(id).pause()),
    unpause: (id) => during('thaw a sandbox', container(id).unpause()),
    restart: (id) => during('restart a sandbox', container(id).restart({ t: 0 })),
    async commit(id, { tag, labels }) {
      const [repo, version] = splitTag(tag)
      // Null would inherit the keeper as entrypoint; an empty list is none.
      // The engine adds the container's labels; an image outlives its attempt, so that label is emptied.
      const own = { [LABELS.kind]: 'snapshot', [LABELS.attempt]: '', [LABELS.claim]: '' }
      const config = { Labels: { ...own, ...labels }, Entrypoint: [], Cmd: [], WorkingDir: '/' }
      // Frozen: what runs could swap a file for a link to one of the host's while the engine reads it.
      const options = { _query: { container: id, repo, tag: version, pause: true }, _body: config }
      const saving = container(id).commit(options) as Promise<{ Id: string }>
      return (await during('save a sandbox as an image', saving, SLOW_LIMIT_MS)).Id
    },
    removeImage: dockerImages(docker, errors).removeImage,
    async exportFiles(id) {
      return (await during('read the files of a sandbox', container(id).export())) as Readable
    },
    async kill(id) {
      await unless(NOT_RUNNING, 'end a container', container(id).kill() as Promise<unknown>)
    },
    changes: (id) => during('ask what a sandbox changed', streamOf(docker, `/containers/${id}/changes`), SLOW_LIMIT_MS),
    async remove(id) {
      await unless(GONE, 'remove a sandbox', container(id).remove({ force: true, v: true }), SLOW_LIMIT_MS)
    },
    async layerBytes(id) {
      const options = { size: true } as Docker.ContainerInspectOptions
      const measuring = container(id).inspect(options) as Promise<{ SizeRw?: number }>
      return (await during('measure a sandbox', measuring, SLOW_LIMIT_MS)).SizeRw ?? 0
    },
    async processes(id) {
      const stats = await during('count processes', container(id).stats({ stream: false, 'one-shot': true }))
      return (stats as { pids_stats?: { current?: number } }).pids_stats?.current ?? 0
    },
    async outOfMemoryEvents(onEvent, signal) {
      const filters = { type: ['container' as const], event: ['oom'], label: [`${LABELS.kind}=sandbox`] }
      const events = (await during('follow the engine', docker.getEvents({ filters }))) as Readable
      addAbortSignal(signal, events)
      for await (const event of jsonLines(events)) onEvent((event as { Actor: { ID: string } }).Actor.ID)
    },
  }
}

/** An answer as it comes: the client would read all of it into memory. */
function streamOf(docker: Docker, path: string): Promise<Readable> {
  const options = { path, method: 'GET', isStream: true, statusCodes: { 200: true, 404: 'no such container' } }
  return new Promise((resolve, reject) => {
    docker.modem.dial(options, (error, stream) => (error ? reject(error) : resolve(stream as Readable)))
  })
}

/**
 * The engine hears of a freeze late when it is busy with an ended command, and then takes a thawed container for frozen
 * for a moment.
 */
async function oncePaused<T>(call: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + PAUSED_MS; ; await delay(20)) {
    try {
      return await call()
    } catch (error) {
      if (!/paused/.test(wordsOf(error)) || Date.now() > deadline) throw error
    }
  }
}

/** Without docker-init the engine itself looks for `sh`; PID 1 never speaks then, so the start is let pass. */
function missingShell(error: unknown): void {
  if (stateOf(error) !== 400) throw error
}

function factsOf(info: Docker.ContainerInspectInfo): ContainerFacts {
  const driver = (info.GraphDriver?.Data ?? {}) as { UpperDir?: string }
  const volumes = info.Mounts.filter((mount) => mount.Type === 'volume')
  return {
    running: info.State.Running,
    exitCode: info.State.ExitCode,
    outOfMemory: info.State.OOMKilled,
    pid: info.State.Pid,
    upperDir: driver.UpperDir,
    volumeDirs: volumes.map((volume) => volume.Source),
  }
}

/** Engine wants name and version apart; a colon in a registry's port is not the version's. */
function splitTag(tag: string): [repo: string, version: string] {
  const colon = tag.lastIndexOf(':')
  return colon > tag.lastIndexOf('/') ? [tag.slice(0, colon), tag.slice(colon + 1)] : [tag, 'latest']
}
