import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const DEFAULT_MIRROR = 'http://deb.debian.org/debian'
const DEFAULT_SECURITY_MIRROR = 'http://deb.debian.org/debian-security'

const CA_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Ubuntu, Alpine, Arch
  '/etc/pki/tls/certs/ca-bundle.crt', // Fedora, RHEL
  '/etc/ssl/ca-bundle.pem', // openSUSE
  '/etc/ssl/cert.pem', // macOS, BSD
]

/** The mirrors for builds: the ones that a Debian host uses itself, else Debian's own. */
export function debianMirrors() {
  if (!isDebian()) return { mirror: DEFAULT_MIRROR, securityMirror: DEFAULT_SECURITY_MIRROR }
  const addresses = aptSources().flatMap(addressesIn)
  return {
    mirror: addresses.find((address) => /\/debian\/?$/.test(address)) ?? DEFAULT_MIRROR,
    securityMirror: addresses.find((address) => /\/debian-security\/?$/.test(address)) ?? DEFAULT_SECURITY_MIRROR,
  }
}

/** The certificates that this machine trusts, a company's own among them; empty when there is no bundle. */
export function hostCertificates() {
  const bundle = CA_BUNDLES.find((path) => existsSync(path))
  return bundle ? readFileSync(bundle) : Buffer.alloc(0)
}

export function isDebianLike() {
  return existsSync('/etc/os-release') && /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'))
}

function isDebian() {
  return existsSync('/etc/os-release') && /^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8'))
}

function aptSources() {
  const folder = '/etc/apt/sources.list.d'
  const files = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []
  return ['/etc/apt/sources.list', ...files]
    .filter((path) => /\.(list|sources)$/.test(path) && existsSync(path))
    .map((path) => readFileSync(path, 'utf8'))
}

/** Both of apt's formats: lines `deb [options] ADDRESS suite…` and fields `URIs: ADDRESS…`. */
function addressesIn(text) {
  const lines = text.split('\n').filter((line) => /^(deb\s|URIs:)/.test(line))
  return lines.flatMap((line) => line.match(/https?:\/\/\S+/g) ?? [])
}

/** Proxy settings of this shell, which a build needs as much as this shell does. */
export function proxyVariables() {
  const names = ['http_proxy', 'https_proxy', 'no_proxy'].flatMap((name) => [name, name.toUpperCase()])
  return names.filter((name) => process.env[name])
}

export function installedProgram(name) {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
