import { lookup } from 'node:dns/promises'
import { DrydockError } from '../domain/errors.ts'
import { findLocalRepository } from './local-repository.ts'
import { isGitHubName, isNamedHost, parseAddress, shown } from './parse-address.ts'
import type { Address } from './parse-address.ts'
import { isPublicAddress } from './public-address.ts'

export type AddressOptions = {
  /** Folders below which path remotes may lie. */
  repositoryRoots: readonly string[]
  /** Hosts that may be on a private network, by name or name:port. */
  allowedHosts: readonly string[]
  resolve?: (host: string) => Promise<readonly string[]>
}

/**
 * Says early what opening a mirror would say of a path or URL (R4); `owner/name` of GitHub passes. Rejects with `repository-refused`,
 * `repository-not-found`, `forge-unavailable`. It is asked again at every use: answers change.
 */
export async function checkAddress(text: string, options: AddressOptions): Promise<void> {
  if (isGitHubName(text)) return
  const address = parseAddress(text)
  if (address.kind === 'path') await findLocalRepository(address.path, options.repositoryRoots)
  else await vetHost(address, { named: isNamedHost(options.allowedHosts, address), resolve: options.resolve })
}

type VetOptions = { named: boolean; resolve: AddressOptions['resolve'] | undefined }

/**
 * One address of the host, in the form that curl wants. Unless settings name the host, the whole answer is refused if any
 * address in it is not public.
 */
export async function vetHost(address: Exclude<Address, { kind: 'path' }>, options: VetOptions): Promise<string> {
  const literal = /^\[(.*)\]$/.exec(address.host)?.[1]
  const answers = literal === undefined ? await (options.resolve ?? systemResolve)(address.host) : [literal]
  const first = answers[0]
  if (first === undefined) {
    throw new DrydockError(
      'forge-unavailable',
      `Cannot reach ${shown(address.url)}: the name ${address.host} has no address.`,
    )
  }
  if (!options.named && !answers.every(isPublicAddress)) {
    throw refuse(address.url, `${address.host} is not on the public internet. The setting allowedHosts can name it`)
  }
  return first.includes(':') ? `[${first}]` : first
}

async function systemResolve(host: string): Promise<string[]> {
  const answers = await lookup(host, { all: true }).catch((error: unknown) => {
    throw new DrydockError('forge-unavailable', `Cannot reach ${host}: its name does not resolve.`, { cause: error })
  })
  return answers.map((answer) => answer.address)
}

export function refuse(url: string, why: string): DrydockError {
  return new DrydockError('repository-refused', `Cannot use the repository ${shown(url)}: ${why}.`)
}
