import { createHash } from 'node:crypto'
import { mkdir, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DrydockError } from '../domain/errors.ts'
import type { Remote } from './mirrors.ts'
import { refuse, vetHost } from './addresses.ts'
import type { AddressOptions } from './addresses.ts'
import { githubAddress, isNamedHost, parseAddress } from './parse-address.ts'
import type { Address } from './parse-address.ts'
import { HARDENED } from './git.ts'
import { findLocalRepository } from './local-repository.ts'
import type { LocalRepository } from './local-repository.ts'

export type ReachOptions = AddressOptions & {
  /** Folder for the credential helper and trust files. */
  folder: string
  /** Where `owner/name` of GitHub is cloned from. */
  githubUrl?: string
  /** Host keys for ssh; without it, ssh remotes are refused. */
  knownHosts?: string
  /** An own certificate authority, and a proxy, for https remotes. */
  caFile?: string
  proxy?: string
}

/** All that one git process needs to talk to one remote, and nothing that another remote could use. */
export type Reach = {
  kind: Address['kind']
  url: string
  env: Record<string, string>
  config: string[]
  uploadPack: string[]
  receivePack: string[]
}

/** Vets a remote (R4). Rejects with `repository-refused` or `repository-not-found`. Runs no git. */
export async function reach(remote: Remote, options: ReachOptions): Promise<Reach> {
  const github = options.githubUrl ?? 'https://github.com'
  const address = remote.forge === 'github' ? githubAddress(remote.address, github) : parseAddress(remote.address)
  if (address.kind === 'path')
    return reachPath(await findLocalRepository(address.path, options.repositoryRoots), options)
  // The GitHub server is named in the settings by its URL.
  const named = remote.forge === 'github' || isNamedHost(options.allowedHosts, address)
  const pinned = await vetHost(address, { named, resolve: options.resolve })
  if (address.kind === 'ssh') return reachSsh(address, pinned, options)
  return reachHttp({ address, pinned, named, credential: remote.credential }, options)
}

/**
 * Hooks of a path remote do not run, and its configuration is overridden in the strongest scope: pushing to a folder must
 * not run programs on the server's machine (R1). git clears `-c` for the other side, so the command itself carries it.
 */
async function reachPath(repository: LocalRepository, options: ReachOptions): Promise<Reach> {
  const side = (command: string) => `git ${HARDENED.map((entry) => `-c ${entry}`).join(' ')} ${command}`
  return {
    kind: 'path',
    url: repository.gitDir,
    env: { GIT_ALLOW_PROTOCOL: 'file', GIT_CONFIG_GLOBAL: await trustFile(repository, options.folder) },
    config: ['protocol.file.allow=always'],
    uploadPack: [`--upload-pack=${side('upload-pack')}`],
    receivePack: [`--receive-pack=${side('receive-pack')}`],
  }
}

/** git reads a repository of another user only where a file of configuration says so; this one names one repository. */
async function trustFile(repository: LocalRepository, folder: string): Promise<string> {
  const paths = [repository.gitDir, ...(repository.workTree === undefined ? [] : [repository.workTree])]
  const quoted = paths.map((path) => `\tdirectory = "${path.replace(/["\\]/g, '\\$&')}"\n`)
  const text = `[safe]\n${quoted.join('')}`
  const file = join(folder, 'trust', createHash('sha256').update(text).digest('hex'))
  await writeOnce(file, { text, mode: 0o600 })
  return file
}

type HttpAddress = Extract<Address, { kind: 'http' }>
type HttpTarget = { address: HttpAddress; pinned: string; named: boolean; credential: Remote['credential'] }

async function reachHttp({ address, pinned, named, credential }: HttpTarget, options: ReachOptions): Promise<Reach> {
  const scheme = address.url.startsWith('https:') ? 'https' : 'http'
  if (credential && scheme === 'http' && !named) {
    throw refuse(
      address.url,
      'a credential is not sent over http://. Use https://, or name the host in the setting allowedHosts',
    )
  }
  const env: Record<string, string> = { GIT_ALLOW_PROTOCOL: scheme }
  if (options.caFile !== undefined) env.GIT_SSL_CAINFO = options.caFile
  if (options.proxy !== undefined) env[`${scheme}_proxy`] = options.proxy
  if (credential) Object.assign(env, await askPass(credential, options.folder))
  return {
    kind: 'http',
    url: address.url,
    env,
    // git resolves the name again: it is told the vetted address, so that a second answer changes nothing.
    config: [`protocol.${scheme}.allow=always`, `http.curloptResolve=${address.host}:${address.port}:${pinned}`],
    uploadPack: [],
    receivePack: [],
  }
}

const ASK_PASS = `#!/bin/sh
case "$1" in
  Username*) printf '%s\\n' "$DRYDOCK_GIT_USERNAME" ;;
  *) printf '%s\\n' "$DRYDOCK_GIT_PASSWORD" ;;
esac
`

/** The credential lives in the environment of one git process: not in a URL, a file or an argument (R5). */
async function askPass(credential: NonNullable<Remote['credential']>, folder: string): Promise<Record<string, string>> {
  const { username, password } = credential
  if (/[\0\r\n]/.test(username + password)) {
    throw new DrydockError('repository-refused', 'Cannot use the credential: it holds a line break. Store it again.')
  }
  const program = join(folder, 'askpass-1')
  await writeOnce(program, { text: ASK_PASS, mode: 0o700 })
  return { GIT_ASKPASS: program, DRYDOCK_GIT_USERNAME: username, DRYDOCK_GIT_PASSWORD: password }
}

type SshAddress = Extract<Address, { kind: 'ssh' }>

function reachSsh(address: SshAddress, pinned: string, options: ReachOptions): Reach {
  if (options.knownHosts === undefined) {
    throw refuse(address.url, 'ssh needs the host keys of its servers. The setting knownHosts names a file with them')
  }
  const alias = address.port === 22 ? address.host : `[${address.host}]:${address.port}`
  const settings = [
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    `UserKnownHostsFile="${options.knownHosts}"`,
    'GlobalKnownHostsFile=/dev/null',
    'ProxyCommand=none',
    'PermitLocalCommand=no',
    'ClearAllForwardings=yes',
    'UpdateHostKeys=no',
    'ConnectTimeout=20',
    `HostName=${pinned.replace(/[[\]]/g, '')}`,
    `HostKeyAlias=${alias}`,
  ]
  const command = ['ssh', '-F', '/dev/null', ...settings.map((setting) => `-o${setting}`)]
  return {
    kind: 'ssh',
    url: address.url,
    env: {
      GIT_ALLOW_PROTOCOL: 'ssh',
      GIT_SSH_VARIANT: 'ssh',
      GIT_SSH_COMMAND: command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' '),
    },
    config: ['protocol.ssh.allow=always'],
    uploadPack: [],
    receivePack: [],
  }
}

async function writeOnce(file: string, { text, mode }: { text: string; mode: number }): Promise<void> {
  // Its name or this code decides what is in it: there means right.
  if ((await stat(file).catch(() => undefined)) !== undefined) return
  await mkdir(join(file, '..'), { recursive: true, mode: 0o700 })
  const temporary = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`
  await writeFile(temporary, text, { mode })
  await rename(temporary, file)
}
