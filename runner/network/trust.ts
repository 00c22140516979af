import { createHash, randomBytes } from 'node:crypto'
import { chmod, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { PORTS } from '../../sandbox-policy/control.ts'
import type { Mount } from '../sandbox/sandbox.ts'
import { TRUST_FOLDER } from '../sandbox/trust-script.ts'
import type { PlacedService } from './attach.ts'
import { STORE_PASSWORD, trustStore } from './jks.ts'

/** Debian's tools add what is below this folder whenever they write the system's bundle anew. */
const LOCAL_CERTIFICATES = '/usr/local/share/ca-certificates/drydock'
const BUNDLE = `${TRUST_FOLDER}/ca-bundle.pem`
const OWN = `${TRUST_FOLDER}/gateway-ca.pem`
const STORE = `${TRUST_FOLDER}/cacerts.jks`

/** What a sandbox gets to see of its network, and how the usual programs find it. */
export type SandboxFiles = { mounts: readonly Mount[]; env: Readonly<Record<string, string>> }

export type SandboxFilesInput = {
  health: { caPem: string; nextCaPem?: string }
  gateway: string
  ownerCas: readonly string[]
  /** What stands beside the sandbox. */
  services?: readonly PlacedService[]
}

/** Makes the files of a sandbox with this gateway address, below a folder; those that are there are used again. */
export async function sandboxFiles(
  root: string,
  { health, gateway, ownerCas, services = [] }: SandboxFilesInput,
): Promise<SandboxFiles> {
  const gatewayCas = [health.caPem, ...(health.nextCaPem === undefined ? [] : [health.nextCaPem])]
  const folder = await trustFolder(root, { gatewayCas, ownerCas })
  const near = services.flatMap(({ name, address }) => [name, address])
  return {
    mounts: [
      { host: folder, target: TRUST_FOLDER },
      { host: join(folder, 'local'), target: LOCAL_CERTIFICATES },
      { host: await resolverFile(root, gateway), target: '/etc/resolv.conf' },
    ],
    env: {
      ...serviceVariables(services),
      ...proxyVariables(gateway, near),
      ...CERTIFICATE_VARIABLES,
      JAVA_TOOL_OPTIONS: javaOptions(gateway, near),
    },
  }
}

/**
 * Names the gateway as the resolver. The engine's own would ask the gateway, too; newer ones answer nothing in networks
 * without a way out.
 */
async function resolverFile(root: string, gateway: string): Promise<string> {
  const file = join(root, `resolv-${gateway}.conf`)
  await writeReadable(file, `nameserver ${gateway}\noptions timeout:3 attempts:2\n`)
  return file
}

export type TrustInput = {
  /** The gateway's certificates: one, or two while one replaces the other. */
  gatewayCas: readonly string[]
  /** Those of the machine's owner, for what is passed through. */
  ownerCas: readonly string[]
}

/**
 * Makes the files by which a sandbox trusts its gateway, in a folder named after their content; an existing one is used
 * again. The public authorities are Node's own list, the same on every machine.
 */
export async function trustFolder(root: string, { gatewayCas, ownerCas }: TrustInput): Promise<string> {
  const own = [...gatewayCas, ...ownerCas].map(withNewline)
  const all = [...own, ...rootCertificates.map(withNewline)]
  const hash = createHash('sha256').update(all.join('')).digest('hex').slice(0, 16)
  const folder = join(root, hash)
  if (await exists(folder)) return folder
  const temporary = `${folder}.${randomBytes(4).toString('hex')}`
  await mkdir(join(temporary, 'local'), { recursive: true })
  const files: Record<string, string | Buffer> = {
    'ca-bundle.pem': all.join(''),
    'gateway-ca.pem': own.join(''),
    'cacerts.jks': trustStore(all.flatMap(certificatesOf), new Date()),
    hash: `${hash}\n`,
    ...Object.fromEntries(own.flatMap(blocksOf).map((block, i) => [`local/drydock-${i}.crt`, `${block}\n`])),
  }
  for (const [name, content] of Object.entries(files)) await writeReadable(join(temporary, name), content)
  for (const made of [temporary, join(temporary, 'local')]) await chmod(made, 0o755)
  try {
    await rename(temporary, folder)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    if (!(await exists(folder))) throw error
  }
  return folder
}

const NO_PROXY = ['localhost', '127.0.0.1', '::1']

/** For a service `my-db`: MY_DB_HOST and, where it is known, MY_DB_PORT. */
function serviceVariables(services: readonly PlacedService[]): Record<string, string> {
  const named = services.flatMap(({ name, port }) => {
    const prefix = name.toUpperCase().replaceAll('-', '_')
    return [[`${prefix}_HOST`, name], ...(port === undefined ? [] : [[`${prefix}_PORT`, String(port)]])]
  })
  return Object.fromEntries(named) as Record<string, string>
}

/** `near`: what a client reaches by itself, and the gateway would not. */
function proxyVariables(gateway: string, near: readonly string[]): Record<string, string> {
  const proxy = `http://${gateway}:${PORTS.proxy}`
  const direct = [...NO_PROXY, ...near].join(',')
  return {
    DRYDOCK_GATEWAY: gateway,
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    NO_PROXY: direct,
    http_proxy: proxy,
    https_proxy: proxy,
    no_proxy: direct,
    NODE_USE_ENV_PROXY: '1',
  }
}

const CERTIFICATE_VARIABLES = {
  SSL_CERT_FILE: BUNDLE,
  // Node adds these to its own list: the whole bundle would cost every start some milliseconds.
  NODE_EXTRA_CA_CERTS: OWN,
  REQUESTS_CA_BUNDLE: BUNDLE,
  CURL_CA_BUNDLE: BUNDLE,
  GIT_SSL_CAINFO: BUNDLE,
  PIP_CERT: BUNDLE,
  CARGO_HTTP_CAINFO: BUNDLE,
  AWS_CA_BUNDLE: BUNDLE,
  DENO_CERT: OWN,
} as const

/** Java reads no proxy variables. It says on standard error that it took these. */
function javaOptions(gateway: string, near: readonly string[]): string {
  return [
    `-Djavax.net.ssl.trustStore=${STORE}`,
    `-Djavax.net.ssl.trustStorePassword=${STORE_PASSWORD}`,
    '-Djavax.net.ssl.trustStoreType=JKS',
    ...['http', 'https'].flatMap((scheme) => [
      `-D${scheme}.proxyHost=${gateway}`,
      `-D${scheme}.proxyPort=${PORTS.proxy}`,
    ]),
    `-Dhttp.nonProxyHosts=${['localhost', '127.*', '[::1]', ...near].join('|')}`,
  ].join(' ')
}

const PEM = /-----BEGIN CERTIFICATE-----\s*([A-Za-z0-9+/=\s]+?)\s*-----END CERTIFICATE-----/g

const blocksOf = (pem: string) => [...pem.matchAll(PEM)].map(([block]) => block)
const certificatesOf = (pem: string) => [...pem.matchAll(PEM)].map((match) => Buffer.from(match[1] ?? '', 'base64'))
const withNewline = (pem: string) => (pem.endsWith('\n') ? pem : `${pem}\n`)

/** For every user of the sandbox, whatever the mask of this process is. */
async function writeReadable(path: string, content: string | Buffer): Promise<void> {
  await writeFile(path, content)
  await chmod(path, 0o644)
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
