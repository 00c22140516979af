import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { rootCertificates } from 'node:tls'

const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Ubuntu, Alpine, Arch
  '/etc/pki/tls/certs/ca-bundle.crt', // Fedora, RHEL
  '/etc/ssl/ca-bundle.pem', // openSUSE
  '/etc/ssl/cert.pem', // macOS, BSD
]

/**
 * What the owner has this machine trust besides the public authorities: behind a company's proxy that inspects TLS nobody
 * is reached without it.
 */
export async function hostCertificates(bundles: readonly string[] = BUNDLES): Promise<string[]> {
  for (const bundle of bundles) {
    const pem = await readFile(bundle, 'utf8').catch(() => undefined)
    if (pem !== undefined) return privateCertificates(pem).filter(isReadable)
  }
  return []
}

/** The certificates of a PEM file, each by itself, without those of public authorities, which the gateway knows. */
export function privateCertificates(pem: string): string[] {
  const all = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const known = new Set(rootCertificates.map(bare))
  return all.filter((certificate) => !known.has(bare(certificate)))
}

const bare = (certificate: string) => certificate.replace(/\s/g, '')

/** What the machine's tools pass over must not keep the gateway from starting. */
function isReadable(certificate: string): boolean {
  try {
    new X509Certificate(certificate)
    return true
  } catch {
    return false
  }
}
