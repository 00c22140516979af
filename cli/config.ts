import { homedir, userInfo } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { usageError } from './errors.ts'
import { chooseProfile, readProfiles } from './profiles.ts'

export const DEFAULT_URL = 'http://127.0.0.1:7070'

/** Where the server is and what the client shows it. */
export type ClientConfig = {
  url: URL
  token: string | undefined
  /** Read when there is no token and the server is on this machine. */
  tokenFile: string
}

/** Whether a terminal is to be given colours. */
export const wantsColour = (env: NodeJS.ProcessEnv): boolean => !env.NO_COLOR && env.TERM !== 'dumb'

/**
 * Reads the client's settings: variables, then the profile, then what holds for this machine's own server. Rejects with exit
 * code 2 when one cannot be used.
 */
export function readClientConfig(env: NodeJS.ProcessEnv, wanted?: string): ClientConfig {
  const [urlText, token] = [env.DRYDOCK_URL?.trim() || undefined, env.DRYDOCK_TOKEN?.trim() || undefined]
  const isComplete = urlText !== undefined && token !== undefined && wanted === undefined
  const name = wanted ?? profileName(env)
  const profile = isComplete ? undefined : chooseProfile(readProfiles(profilesFile(env)), name)
  const url = parseUrl(urlText ?? profile?.url ?? DEFAULT_URL)
  // The token of a profile goes to its own server only, whatever else is set.
  const isIts = profile !== undefined && placeOf(parseUrl(profile.url)) === placeOf(url)
  return {
    url,
    token: token ?? (isIts ? profile.token : undefined),
    tokenFile: join(dataFolder(env), 'admin-token'),
  }
}

/** The profile that a variable names. */
export const profileName = (env: NodeJS.ProcessEnv): string | undefined => env.DRYDOCK_PROFILE?.trim() || undefined

/** Where profiles are, by the rules of XDG: a relative folder counts for nothing. */
export function profilesFile(env: NodeJS.ProcessEnv): string {
  const named = env.XDG_CONFIG_HOME ?? ''
  const folder = isAbsolute(named) ? named : join(env.HOME || homedir(), '.config')
  return join(folder, 'drydock', 'profiles.json')
}

/** Nothing that is sent there leaves this machine. */
export const isThisMachine = ({ hostname }: URL) => ['127.0.0.1', 'localhost', '[::1]'].includes(hostname)

/** The folder of the server's data, unless a command names another. */
export function dataFolder(env: NodeJS.ProcessEnv): string {
  if (env.DRYDOCK_DATA) return resolve(env.DRYDOCK_DATA)
  if (userInfo().uid === 0) return '/var/lib/drydock'
  return join(homedir(), '.local', 'share', 'drydock')
}

const placeOf = ({ origin, pathname }: URL) => origin + pathname.replace(/\/+$/, '')

export function parseUrl(text: string, what = 'DRYDOCK_URL'): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw usageError(`Cannot use ${what} ${JSON.stringify(text)}: it must look like ${DEFAULT_URL}`, 'config-invalid')
  }
  if (url.username !== '' || url.password !== '') {
    throw usageError(`Cannot use ${what}: it holds a credential. Put the token into DRYDOCK_TOKEN`, 'config-invalid')
  }
  return url
}
