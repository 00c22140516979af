import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { bits, explicit, implicit, integer, octets, oid, pem, sequence, setOf, time, utf8, yes } from './der.ts'

/** A CA as it is kept. Key and certificate are PEM. */
export type KeptCa = { name: string; key: string; cert: string }
/** Signs leaves. */
export type Issuer = (name: string, key: LeafKey, now: Date) => Leaf
/** The one key of all leaves of a process. */
export type LeafKey = { readonly pem: string; readonly spki: Buffer }
export type Leaf = { readonly cert: string; readonly notBefore: number; readonly notAfter: number }

const HOUR = 3600_000
const DAY = 24 * HOUR
const CA_LIFETIME = 10 * 365 * DAY
/** Sandboxes share the host's clock; images with a clock of their own may be off by less. */
const SKEW = HOUR
/** From first to last second, the skew included. */
export const LEAF_LIFETIME = 24 * HOUR - 1000
/** X.520's bound of a common name. */
const MAX_COMMON_NAME = 64

const OID = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKey: '2.5.29.14',
  keyUsage: '2.5.29.15',
  alternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKey: '2.5.29.35',
  extendedUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
} as const

/** A new CA for one installation. Its name carries an id, so that two of them are told apart in a trust store. */
export function createCa(now: Date): KeptCa {
  const key = createLeafKey()
  const name = `Drydock gateway ${randomBytes(4).toString('hex')}`
  const cert = certificate({
    issuer: caName(name),
    subject: caName(name),
    spki: key.spki,
    notBefore: now.getTime() - DAY,
    notAfter: now.getTime() + CA_LIFETIME,
    extensions: [
      extension(OID.basicConstraints, sequence(yes(), integer(Buffer.from([0]))), 'critical'),
      // keyCertSign and cRLSign: bits 5 and 6.
      extension(OID.keyUsage, bits(Buffer.from([0x06]), 1), 'critical'),
      extension(OID.subjectKey, octets(keyId(key.spki))),
    ],
    signer: createPrivateKey(key.pem),
  })
  return { name, key: key.pem, cert }
}

/** Makes a kept CA ready to sign. Throws when its parts are not one CA's. */
export function openIssuer(ca: KeptCa): Issuer {
  const signer = createPrivateKey(ca.key)
  const own = new X509Certificate(ca.cert)
  if (!own.checkPrivateKey(signer) || own.subject !== `O=Drydock\nCN=${ca.name}`)
    throw new Error('Cannot open CA: its name, key and certificate do not belong together')
  const issuer = caName(ca.name)
  const authorityKey = sequence(implicit(0, keyId(own.publicKey.export({ type: 'spki', format: 'der' }))))
  return (name, key, now) => {
    const named = name.length <= MAX_COMMON_NAME
    const notBefore = now.getTime() - SKEW
    const notAfter = notBefore + LEAF_LIFETIME
    const alternativeName = sequence(implicit(2, Buffer.from(name, 'latin1')))
    const cert = certificate({
      issuer,
      subject: named ? sequence(attribute(OID.commonName, name)) : sequence(),
      spki: key.spki,
      notBefore,
      notAfter,
      extensions: [
        extension(OID.basicConstraints, sequence(), 'critical'),
        // digitalSignature: bit 0.
        extension(OID.keyUsage, bits(Buffer.from([0x80]), 7), 'critical'),
        extension(OID.extendedUsage, sequence(oid(OID.serverAuth))),
        // RFC 5280: critical where there is no subject.
        extension(OID.alternativeName, alternativeName, named ? undefined : 'critical'),
        extension(OID.authorityKey, authorityKey),
      ],
      signer,
    })
    return { cert, notBefore, notAfter }
  }
}

export function createLeafKey(): LeafKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    spki: publicKey.export({ type: 'spki', format: 'der' }),
  }
}

type CertificateParts = {
  issuer: Buffer
  subject: Buffer
  spki: Buffer
  notBefore: number
  notAfter: number
  extensions: readonly Buffer[]
  signer: KeyObject
}

/** An X.509 v3 certificate (RFC 5280), signed with ECDSA and SHA-256, PEM. */
function certificate(parts: CertificateParts): string {
  const algorithm = sequence(oid(OID.ecdsaWithSha256))
  const signed = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(serialNumber()),
    algorithm,
    parts.issuer,
    sequence(time(new Date(parts.notBefore)), time(new Date(parts.notAfter))),
    parts.subject,
    parts.spki,
    explicit(3, sequence(...parts.extensions)),
  )
  return pem('CERTIFICATE', sequence(signed, algorithm, bits(sign('sha256', signed, parts.signer))))
}

function caName(name: string): Buffer {
  return sequence(attribute(OID.organization, 'Drydock'), attribute(OID.commonName, name))
}

function attribute(type: string, value: string): Buffer {
  return setOf(sequence(oid(type), utf8(value)))
}

function extension(type: string, value: Buffer, critical?: 'critical'): Buffer {
  return critical ? sequence(oid(type), yes(), octets(value)) : sequence(oid(type), octets(value))
}

function keyId(spki: Buffer): Buffer {
  return createHash('sha256').update(spki).digest().subarray(0, 20)
}

/** 126 random bits, positive, never beginning with a zero byte. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes
}
