import { chmod, chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MODEL_SOCKET } from '../../sandbox-policy/control.ts'

/** The gateway's user where the runner is root; else it has the runner's own id, which alone may share files with it. */
const GATEWAY_UID = 10_213

export type GatewayFolders = {
  /** Holds control.sock, which is the gateway's, and git.sock, which is the runner's. */
  control: string
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
export const modelSocketIn = (dataDir: string) => join(dataDir, 'gateway', 'control', MODEL_SOCKET)

/** Makes the folders that runner and gateway share, closed to everyone else. */
export async function gatewayFolders(dataDir: string): Promise<GatewayFolders> {
  const root = join(dataDir, 'gateway')
  const folders = { control: join(root, 'control'), state: join(root, 'state'), trust: join(root, 'trust') }
  const isRoot = process.getuid?.() === 0
  const uid = isRoot ? GATEWAY_UID : (process.getuid?.() ?? GATEWAY_UID)
  const gid = isRoot ? GATEWAY_UID : (process.getgid?.() ?? GATEWAY_UID)
  const give = async (path: string) => {
    if (isRoot) await chown(path, uid, gid)
  }
  await mkdir(root, { recursive: true, mode: 0o700 })
  for (const folder of [folders.control, folders.state]) {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await chmod(folder, 0o700)
    await give(folder)
  }
  // Read by every user of a sandbox; the folder above keeps the host's other users out.
  await mkdir(folders.trust, { recursive: true, mode: 0o755 })
  await chmod(folders.trust, 0o755)
  return { ...folders, user: `${uid}:${gid}`, give }
}
