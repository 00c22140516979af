import { DrydockError } from '../domain/errors.ts'

/** Where a repository is, taken apart. Nothing was looked up yet. */
export type Address =
  | { kind: 'path'; path: string }
  | { kind: 'http'; url: string; host: string; port: number }
  | { kind: 'ssh'; url: string; host: string; port: number }

const GITHUB_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})\/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*$/
const USER = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/
const URL_SHAPE = /^([a-z][a-z0-9+.-]*):\/\/(?:([^/@]*)@)?(\[[0-9a-f:.]+\]|[^/:@]*)(?::([0-9]{1,5}))?(\/.*)?$/i
const SCP_SHAPE = /^(?:([^/:@]+)@)([^/:@[\]]+):(?!\/\/)(.+)$/

/** The one parser of repository addresses (R4). Rejects with `repository-refused` and says what would be accepted. */
export function parseAddress(text: string): Address {
  if (text.length === 0 || text.length > 2048) throw refused(text, 'it is empty or longer than 2,048 characters')
  if (/[\u0000-\u0020\u007f-\u00a0\u2028\u2029\ufeff]/.test(text) && !text.startsWith('/')) {
    throw refused(text, 'it holds spaces or control characters')
  }
  if (/[\u0000-\u001f\u007f-\u009f]/.test(text)) throw refused(text, 'it holds control characters')
  if (text.startsWith('-')) throw refused(text, 'it starts with a dash')
  if (text.startsWith('/')) return { kind: 'path', path: text }
  if (/^[^/@[]*::/.test(text)) throw refused(text, 'remote helpers are not used')
  const url = URL_SHAPE.exec(text)
  if (url) return fromUrl(text, url)
  const scp = SCP_SHAPE.exec(text)
  if (scp) {
    const address = ssh(text, { user: scp[1], host: scp[2] ?? '', path: `/${(scp[3] ?? '').replace(/^\//, '')}` })
    // Kept in its own form: its path is relative to the user's home.
    return { ...address, url: `${scp[1]}@${address.host}:${scp[3]}` }
  }
  throw refused(text, 'an address is an absolute path, or starts with https://, http:// or ssh://')
}

export function isGitHubName(text: string): boolean {
  return GITHUB_NAME.test(text)
}

/** The clone URL of `owner/name` on a GitHub server. */
export function githubAddress(name: string, webUrl: string): Address {
  const bare = name.replace(/\.git$/, '')
  if (!GITHUB_NAME.test(bare)) throw refused(name, 'a GitHub repository is written owner/name')
  return parseAddress(`${webUrl.replace(/\/+$/, '')}/${bare}.git`)
}

/** Whether settings name this host: `git.example.com` for all its ports, `git.example.com:8443` for one. */
export function isNamedHost(hosts: readonly string[], address: { host: string; port: number }): boolean {
  return hosts.some((entry) => [address.host, `${address.host}:${address.port}`].includes(entry.toLowerCase()))
}

function fromUrl(text: string, [, scheme = '', user, rawHost = '', rawPort, path = '/']: RegExpExecArray): Address {
  const kind = scheme.toLowerCase()
  if (kind === 'ssh') return ssh(text, { user, host: rawHost, port: rawPort, path })
  if (kind !== 'http' && kind !== 'https') throw refused(text, `${kind}:// is not one of https://, http:// and ssh://`)
  if (user !== undefined)
    throw refused(text, 'a credential does not belong into an address; store it with the repository')
  if (/[?#\\]/.test(path)) throw refused(text, 'it holds a query, a fragment or a backslash')
  const host = hostOf(text, rawHost)
  const port = portOf(text, rawPort, kind === 'https' ? 443 : 80)
  const written = rawPort === undefined ? host : `${host}:${port}`
  return { kind: 'http', url: `${kind}://${written}${path}`, host, port }
}

type SshAddress = Extract<Address, { kind: 'ssh' }>
type SshParts = { user?: string | undefined; host: string; port?: string | undefined; path: string }

function ssh(text: string, parts: SshParts): SshAddress {
  if (parts.user !== undefined && !USER.test(parts.user)) throw refused(text, 'its user name is not plain')
  // The path is a word of a shell command on the other side; git quotes it, and this leaves nothing to quote.
  if (!/^\/[A-Za-z0-9_~][A-Za-z0-9_.~/+@-]*$/.test(parts.path)) throw refused(text, 'its path is not plain')
  const host = hostOf(text, parts.host)
  const port = portOf(text, parts.port, 22)
  const user = parts.user === undefined ? '' : `${parts.user}@`
  return { kind: 'ssh', url: `ssh://${user}${host}:${port}${parts.path}`, host, port }
}

function hostOf(text: string, raw: string): string {
  const host = raw.toLowerCase().replace(/\.$/, '')
  if (!HOST_NAME.test(host) && !/^\[[0-9a-f:.]+\]$/.test(host))
    throw refused(text, 'its host is not a plain name or address')
  return host
}

function portOf(text: string, raw: string | undefined, fallback: number): number {
  const port = raw === undefined ? fallback : Number(raw)
  if (port < 1 || port > 65535) throw refused(text, 'its port is out of range')
  return port
}

function refused(text: string, why: string): DrydockError {
  return new DrydockError('repository-refused', `Cannot use the repository address ${shown(text)}: ${why}.`)
}

/** An address fit for a sentence: no userinfo, no control characters, not endless. */
export function shown(text: string): string {
  return JSON.stringify(text.replace(/\/\/[^/@]*@/, '//…@').slice(0, 200))
}
