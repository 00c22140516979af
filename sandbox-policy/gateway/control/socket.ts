import { chmodSync, lstatSync, rmSync } from 'node:fs'
import { connect, type Server } from 'node:net'

/** Longer ones are cut without a word. */
const MAX_SOCKET_PATH = 107

/** Rejects when a gateway answers at the path: two of them would share a spool. */
export async function assertUnused(path: string): Promise<void> {
  const answered = await new Promise<boolean>((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
  if (answered) throw new Error(`Cannot listen on ${path}: another gateway does`)
}

/** Listens on a unix socket of this user alone; one that an earlier process left is removed. */
export async function listenOnSocket(server: Server, path: string, mode = 0o600): Promise<void> {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
    throw new Error(`Cannot listen on ${path}: a socket's path has at most ${MAX_SOCKET_PATH} bytes`)
  }
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket()) rmSync(path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      resolve()
    })
  })
  chmodSync(path, mode)
}
