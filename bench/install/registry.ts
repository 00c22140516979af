import { execFileSync } from 'node:child_process'
import { lookup } from 'node:dns/promises'
import { existsSync, readFileSync } from 'node:fs'
import { privateCertificates } from '../../bin/host-certificates.ts'
import { classifyAddress } from '../../sandbox-policy/addresses.ts'
import { Policy } from '../../sandbox-policy/policy.ts'

const CA_BUNDLES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/ca-bundle.pem']

export type Registry = {
  url: string
  host: string
  port: number
  /** It is a mirror of this site. */
  internal: boolean
  /** The certificates that this machine trusts. */
  bundle: string | undefined
}

/** The registry that npm on this machine uses. */
export async function readRegistry(): Promise<Registry> {
  const url = new URL(execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim())
  const addresses = await lookup(url.hostname, { all: true })
  return {
    url: url.href,
    host: url.hostname,
    port: url.port === '' ? (url.protocol === 'http:' ? 80 : 443) : Number(url.port),
    internal: addresses.some(({ address }) => classifyAddress(address) !== 'public'),
    bundle: CA_BUNDLES.find((path) => existsSync(path)),
  }
}

/** The certificates of this machine's bundle that are not public authorities': a company's own. */
export function ownCertificates({ bundle }: Registry): string[] {
  return bundle === undefined ? [] : privateCertificates(readFileSync(bundle, 'utf8'))
}

/** What a setup phase usually has: the common domains with all methods; and the registry, should it be of this site. */
export function setupPolicy({ host, port, internal }: Registry): Policy {
  const own = { host, port, methods: ['GET', 'HEAD', 'POST'], ...(internal && { internal: true }) }
  return Policy.parse({ preset: 'common', methods: 'all', allow: [own] })
}
