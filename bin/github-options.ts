import type { GitHubOptions } from '../forge/github.ts'
import type { ServerConfig } from './config.ts'

/** Who must wait longer is told so: a publishing is postponed then, says why meanwhile, and makes room for others. */
const FORGE_WAIT_MS = 5000

/** Where GitHub is, and how long it is waited for. */
export function githubOptions({ apiUrl, webUrl }: ServerConfig['github']): Omit<GitHubOptions, 'token'> {
  return { maxWaitMs: FORGE_WAIT_MS, ...(apiUrl && { baseUrl: apiUrl }), ...(webUrl && { webUrl }) }
}
