import { homedir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { usageError } from './errors.ts'

const DEFAULT_URL = 'http://127.0.0.1:7070'

/** Where the server is and what the client shows it. */
export type ClientConfig = {
  url: URL
  token: string | undefined
  /** Read when there is no token and the server is on this machine. */
  tokenFile: string
  colour: boolean
}

/** Reads the client's settings. Rejects with exit code 2 when one cannot be used. */
export function readClientConfig(env: NodeJS.ProcessEnv): ClientConfig {
  return {
    url: parseUrl(env.DRYDOCK_URL?.trim() || DEFAULT_URL),
    token: env.DRYDOCK_TOKEN?.trim() || undefined,
    tokenFile: join(dataFolder(env), 'admin-token'),
    colour: !env.NO_COLOR && env.TERM !== 'dumb',
  }
}

/** The folder of the server's data, unless a command names another. */
export function dataFolder(env: NodeJS.ProcessEnv): string {
  if (env.DRYDOCK_DATA) return resolve(env.DRYDOCK_DATA)
  if (userInfo().uid === 0) return '/var/lib/drydock'
  return join(homedir(), '.local', 'share', 'drydock')
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw usageError(
      `Cannot use DRYDOCK_URL ${JSON.stringify(text)}: it must look like ${DEFAULT_URL}`,
      'config-invalid',
    )
  }
  if (url.username !== '' || url.password !== '') {
    throw usageError(
      'Cannot use DRYDOCK_URL: it holds a credential. Put the token into DRYDOCK_TOKEN',
      'config-invalid',
    )
  }
  return url
}
