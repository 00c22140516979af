import type { Duplex, Readable } from 'node:stream'
import type { ContainerBody } from './container-body.ts'
import type { ImageInfo } from './engine.ts'
import type { SidecarBody } from './sidecar-body.ts'

/** What a started container looks like from outside. */
export type ContainerFacts = {
  running: boolean
  exitCode: number
  outOfMemory: boolean
  /** Process id of PID 1 as the engine's host sees it; 0 when it does not run. */
  pid: number
  /** Folder of the writable layer on the engine's host, where the storage driver tells. */
  upperDir: string | undefined
  /** Folders of volumes on the engine's host: they would escape the disk limit if they were not counted. */
  volumeDirs: readonly string[]
}

export type ExecBody = {
  command: readonly string[]
  user: string
  env: readonly string[]
  cwd: string
  stdin: boolean
}

/**
 * The few calls of the engine that a sandbox is made of, one round trip each. Free of vendor types, so that everything
 * above it can be tested with a scripted engine.
 */
export interface EngineCalls {
  image(ref: string): Promise<(ImageInfo & { volumes: readonly string[] }) | undefined>
  /** Resolves to the id; undefined when the image is not there. */
  create(name: string, body: ContainerBody | SidecarBody): Promise<string | undefined>
  /** The raw stream of PID 1, both ways: attach before `start` to miss nothing. Standard input ends with it. */
  attach(container: string): Promise<Duplex>
  start(container: string): Promise<void>
  /** Undefined when the container is gone. */
  inspect(container: string): Promise<ContainerFacts | undefined>
  /** Undefined when the container is gone or does not run. */
  execCreate(container: string, body: ExecBody): Promise<string | undefined>
  execStart(exec: string, options: { stdin: boolean }): Promise<Duplex | undefined>
  /** `begun`: its process is there, or was. */
  execInspect(exec: string): Promise<{ begun: boolean; running: boolean; exitCode: number | null } | undefined>
  pause(container: string): Promise<void>
  unpause(container: string): Promise<void>
  /** Ends every process by tearing the container's PID namespace down, then starts it again on the same file system. */
  restart(container: string): Promise<void>
  commit(container: string, target: { tag: string; labels: Readonly<Record<string, string>> }): Promise<string>
  /** One that is gone, or in use, is success. */
  removeImage(ref: string): Promise<unknown>
  /** The file system as a tar archive. */
  exportFiles(container: string): Promise<Readable>
  /** What differs from the image, as the engine's JSON: `[{"Path":"/…","Kind":0}, …]`; 2 are removals. */
  changes(container: string): Promise<Readable>
  /** Ends all of it at once; one that does not run is success. */
  kill(container: string): Promise<void>
  /** Kills and removes with anonymous volumes. One that is gone is success. */
  remove(container: string): Promise<void>
  /** Bytes in the writable layer, as the engine counts them. */
  layerBytes(container: string): Promise<number>
  /** Processes in the container now. */
  processes(container: string): Promise<number>
  /** Tells of each sandbox in which the kernel ended a process for want of memory, until the stream ends or the signal aborts. */
  outOfMemoryEvents(onEvent: (container: string) => void, signal: AbortSignal): Promise<void>
}
