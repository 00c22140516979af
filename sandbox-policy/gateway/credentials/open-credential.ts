import type { Credential } from '../../control.ts'
import type { CredentialExchange, OpenCredential } from '../http/credential-port.ts'
import type { Field } from '../http/codec/field.ts'
import { Secret } from './secret.ts'

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
const VALUE = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/
/** What decides where a request goes and where it ends is no credential. */
const NOT_OURS = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'keep-alive',
  'accept-encoding',
  'proxy-authorization',
])

/** Sets the header of a credential rule and sees that it comes back to nobody (R16). */
export function createOpenCredential(): OpenCredential {
  const secrets = new WeakMap<Credential, Secret>()
  return (session, name) => {
    const credential = session.credentials.get(name)
    if (credential === undefined || !isSendable(credential)) return undefined
    const secret = secrets.get(credential) ?? new Secret(credential.value)
    secrets.set(credential, secret)
    return exchangeWith(credential, secret)
  }
}

function isSendable({ header, value }: Credential): boolean {
  return TOKEN.test(header) && VALUE.test(value) && !NOT_OURS.has(header.toLowerCase())
}

function exchangeWith({ header, value }: Credential, secret: Secret): CredentialExchange {
  const key = header.toLowerCase()
  return {
    request: (fields) => [
      ...fields.filter((field) => field.key !== key && field.key !== 'accept-encoding'),
      { key, name: header, value },
      { key: 'accept-encoding', name: 'accept-encoding', value: 'identity' },
    ],
    response: (_status, fields) => {
      if (fields.some((field) => secret.isIn(field.value) || secret.isIn(field.name))) return 'found'
      return isEncoded(fields) ? 'refuse' : 'pass'
    },
    scanner: () => secret.scanner(),
  }
}

function isEncoded(fields: readonly Field[]): boolean {
  return fields.some(({ key, value }) => key === 'content-encoding' && !/^(?:identity)?$/i.test(value.trim()))
}
