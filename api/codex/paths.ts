/** Where the Codex CLI looks for tasks: it makes one of these of the address that it is given. All serve the same. */
export const PREFIXES = ['/api/codex', '/backend-api/wham', '/wham'] as const

/** Where it asks whose token it has, when it is given `/authapi` of the server. */
export const AUTHAPI = '/authapi/v1'

/** Whether a path belongs to the interface of the Codex CLI, known or not. */
export function isCodexPath(path: string): boolean {
  return [...PREFIXES, AUTHAPI].some((prefix) => path === prefix || path.startsWith(`${prefix}/`))
}
