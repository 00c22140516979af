import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { SecureContextOptions } from 'node:tls'
import { DrydockError } from '../domain/errors.ts'
import type { Logger } from './logger.ts'

const POLL_MS = 10_000

/** PEM files: the server's certificate with those that sign it, and its private key. */
export type TlsFiles = { certificate: string; key: string }

type Reloadable = { setSecureContext(options: SecureContextOptions): void }
type WatchOptions = { logger: Logger; pollMs?: number | undefined }

/** What a server needs for TLS. Rejects with `config-invalid` for files that cannot be served, and repeats nothing of them. */
export async function readTls({ certificate, key }: TlsFiles): Promise<SecureContextOptions> {
  const [cert, pem] = await Promise.all([readText(certificate), readText(key)])
  const leaf = parsed(certificate, () => new X509Certificate(cert))
  const privateKey = parsed(key, () => createPrivateKey(pem))
  if (!leaf.checkPrivateKey(privateKey)) throw unusable(`${key} is not the key of ${certificate}`)
  if (new Date(leaf.validTo) < new Date()) throw unusable(`${certificate} ended on ${leaf.validTo}`)
  return { cert, key: pem, minVersion: 'TLSv1.2' }
}

/**
 * Serves the files anew when they change: a renewal needs no restart. Files that cannot be served, as in the middle of
 * a renewal, change nothing. Gives its end.
 */
export function watchTls(server: Reloadable, files: TlsFiles, { logger, pollMs = POLL_MS }: WatchOptions): () => void {
  let version = versionOf(files)
  let refused: string | undefined
  const look = async () => {
    const now = versionOf(files)
    if ((await now) === (await version)) return
    try {
      server.setSecureContext(await readTls(files))
      version = now
      refused = undefined
      logger.info({ certificate: files.certificate }, 'TLS: new certificate')
    } catch (error) {
      const { message } = error as Error
      if (message !== refused) logger.error({ err: error }, 'TLS: the old certificate stays in use')
      refused = message
    }
  }
  // By polling: a file that is mounted or replaced by a link tells nobody.
  const timer = setInterval(() => void look(), pollMs)
  timer.unref()
  return () => clearInterval(timer)
}

async function versionOf({ certificate, key }: TlsFiles): Promise<string> {
  const parts = [certificate, key].map((file) =>
    stat(file).then(
      ({ ino, mtimeMs, size }) => `${ino} ${mtimeMs} ${size}`,
      () => 'none',
    ),
  )
  return (await Promise.all(parts)).join(' ')
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw unusable(`${file}: ${error.code}`)
  })
}

/** The parser's own words can repeat what it read. */
function parsed<T>(file: string, parse: () => T): T {
  try {
    return parse()
  } catch {
    throw unusable(`${file} is not PEM of the right kind`)
  }
}

const unusable = (why: string) => new DrydockError('config-invalid', `Cannot use TLS: ${why}`)
