import { chmod, chown, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MODEL_SOCKET } from '../../sandbox-policy/control.ts'

/** The gateway's user where the runner is root; else it has the runner's own id, which alone may share files with it. */
const GATEWAY_UID = 10_213

export type GatewayFolders = {
  /** Holds control.sock, which is the gateway's, and git.sock, which is the runner's. */
  control: string
  /** Holds model.sock, which is the gateway's: all that an api in a container of its own may see of this. */
  local: string
  /** CA key and spool. */
  state: string
  /** What sandboxes see of the gateway's certificates. */
  trust: string
  /** `uid:gid` of the gateway. */
  user: string
  /** Gives a file that the runner made to the gateway's user. */
  give: (path: string) => Promise<void>
}

/** Where the gateway of a data folder hears people's own tools. */
export const modelSocketIn = (dataDir: string) => join(dataDir, 'gateway', 'local', MODEL_SOCKET)

/** Makes the folders that runner and gateway share, closed to everyone else. */
export async function gatewayFolders(dataDir: string): Promise<GatewayFolders> {
  const root = join(dataDir, 'gateway')
  const folders = {
    control: join(root, 'control'),
    local: join(root, 'local'),
    state: join(root, 'state'),
    trust: join(root, 'trust'),
  }
  const isRoot = process.getuid?.() === 0
  const uid = isRoot ? GATEWAY_UID : (process.getuid?.() ?? GATEWAY_UID)
  const gid = isRoot ? GATEWAY_UID : (process.getgid?.() ?? GATEWAY_UID)
  const give = async (path: string) => {
    if (isRoot) await chown(path, uid, gid)
  }
  await makeFolder(root, 0o700)
  for (const folder of [folders.control, folders.state]) {
    await makeFolder(folder, 0o700)
    await give(folder)
  }
  // Used by every user of a sandbox, or of the api's container; the folder above keeps the host's other users out.
  await makeFolder(folders.trust, 0o755)
  await makeFolder(folders.local, 0o711)
  await give(folders.local)
  return { ...folders, user: `${uid}:${gid}`, give }
}

/**
 * Leaves the mode alone where it is right: a root that may not act as a folder's owner, as in Compose, cannot set it
 * once the folder is the gateway's.
 */
async function makeFolder(path: string, mode: number): Promise<void> {
  await mkdir(path, { recursive: true, mode })
  if (((await stat(path)).mode & 0o777) !== mode) await chmod(path, mode)
}
