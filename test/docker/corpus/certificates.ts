import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export type KeyPair = { key: string; cert: string }
export type Certificates = {
  ca: string
  good: KeyPair
  /** Of the same CA, for a name that nobody asks for. */
  otherName: KeyPair
  /** Of the same CA, no longer valid. */
  expired: KeyPair
  /** Of no CA, for the right names. */
  selfSigned: KeyPair
}

/** Certificates as upstream servers have them, good and bad. */
export async function makeCertificates(names: readonly string[]): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'drydock-corpus-ca-'))
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder })
  const read = (name: string) => readFile(join(folder, name), 'utf8')
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const sanOf = (list: readonly string[]) => `subjectAltName=${list.map((name) => `DNS:${name}`).join(',')}`
  const leaf = async (id: string, { list, days }: { list: readonly string[]; days: number }): Promise<KeyPair> => {
    await openssl('req', ...newKey, '-keyout', `${id}.key`, '-out', `${id}.csr`, '-subj', '/CN=upstream')
    await writeFile(join(folder, `${id}.ext`), `${sanOf(list)}\n`)
    const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', String(days)]
    await openssl('x509', '-req', '-in', `${id}.csr`, '-out', `${id}.pem`, ...signing, '-extfile', `${id}.ext`)
    return { key: await read(`${id}.key`), cert: await read(`${id}.pem`) }
  }
  try {
    const subject = ['-subj', '/CN=Corpus CA', '-days', '2']
    await openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', ...subject)
    const self = ['-subj', '/CN=self', '-days', '2', '-addext', sanOf(names)]
    await openssl('req', '-x509', ...newKey, '-keyout', 'self.key', '-out', 'self.pem', ...self)
    return {
      ca: await read('ca.pem'),
      good: await leaf('good', { list: names, days: 2 }),
      otherName: await leaf('other', { list: ['somebody-else.test'], days: 2 }),
      expired: await leaf('expired', { list: names, days: -1 }),
      selfSigned: { key: await read('self.key'), cert: await read('self.pem') },
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
