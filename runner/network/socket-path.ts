import { open, type FileHandle } from 'node:fs/promises'
import { dirname, join, basename } from 'node:path'

/** Node cuts longer paths of unix sockets off, silently, and would then talk to another one. */
const MAX_SOCKET_PATH_BYTES = 107

export type SocketPath = AsyncDisposable & { path: string }

/** A path by which a socket can be reached however deep it lies: through a handle of its folder if need be. */
export async function socketPath(path: string): Promise<SocketPath> {
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return { path, [Symbol.asyncDispose]: async () => {} }
  const folder: FileHandle = await open(dirname(path), 'r')
  return {
    path: join(`/proc/self/fd/${folder.fd}`, basename(path)),
    [Symbol.asyncDispose]: () => folder.close(),
  }
}
