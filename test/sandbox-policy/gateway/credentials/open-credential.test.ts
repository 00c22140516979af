import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Credential } from '../../../../sandbox-policy/control.ts'
import { createOpenCredential } from '../../../../sandbox-policy/gateway/credentials/open-credential.ts'
import { Secret } from '../../../../sandbox-policy/gateway/credentials/secret.ts'
import type { Field } from '../../../../sandbox-policy/gateway/http/codec/field.ts'
import { FakeSession } from '../http/support/fake-session.ts'

const TOKEN = 'npm_canary-0123456789/+=&x'
const field = (name: string, value: string): Field => ({ key: name.toLowerCase(), name, value })

function open(credential: Credential) {
  const session = new FakeSession({})
  session.credentials = new Map([['registry', credential]])
  return createOpenCredential()(session, 'registry')
}

describe('createOpenCredential()', () => {
  test('replaces the client’s header, however often and however spelled, and asks for identity', () => {
    const given = [
      field('AUTHORIZATION', 'mine'),
      field('authorization', 'too'),
      field('Accept-Encoding', 'gzip'),
      field('accept', '*/*'),
    ]
    expect(open({ header: 'Authorization', value: `Bearer ${TOKEN}` })?.request(given)).toEqual([
      field('accept', '*/*'),
      field('Authorization', `Bearer ${TOKEN}`),
      field('accept-encoding', 'identity'),
    ])
  })

  test.each([
    ['an unknown name', { header: 'x', value: 'y' }, 'other'],
    ['a line break', { header: 'x-key', value: 'a\r\nhost: evil' }, 'registry'],
    ['a header that is framing', { header: 'Transfer-Encoding', value: 'chunked' }, 'registry'],
    ['a header that is no token', { header: 'x key', value: 'v' }, 'registry'],
  ])('opens nothing for %s', (_what, credential, name) => {
    const session = new FakeSession({})
    session.credentials = new Map([['registry', credential]])
    expect(createOpenCredential()(session, name)).toBeUndefined()
  })

  test('refuses an encoded answer, and one whose head shows the secret', () => {
    const exchange = open({ header: 'authorization', value: `Bearer ${TOKEN}` })
    expect(exchange?.response(200, [field('content-encoding', 'identity')])).toBe('pass')
    expect(exchange?.response(200, [field('Content-Encoding', 'br')])).toBe('refuse')
    expect(exchange?.response(302, [field('location', `https://x/?t=${encodeURIComponent(TOKEN)}`)])).toBe('found')
  })
})

describe('Secret', () => {
  const split = (secret: Secret, bytes: Buffer, sizes: readonly number[]) => {
    const scanner = secret.scanner()
    const passed: Buffer[] = []
    let at = 0
    for (let turn = 0; at < bytes.length; turn += 1) {
      const size = sizes[turn % sizes.length] ?? 1
      const part = scanner.push(bytes.subarray(at, at + size))
      if (part === 'found') return { found: true, passed: Buffer.concat(passed) }
      passed.push(part)
      at += size
    }
    const rest = scanner.flush()
    return rest === 'found'
      ? { found: true, passed: Buffer.concat(passed) }
      : { found: false, passed: Buffer.concat([...passed, rest]) }
  }
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })
  const secret = new Secret(`Bearer ${TOKEN}`)

  test('scanner() finds it in base64 wherever it begins, with anything around it, however it is cut', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 20 }),
        fc.uint8Array({ maxLength: 20 }),
        sizes,
        fc.boolean(),
        (before, after, cuts, url) => {
          const all = Buffer.concat([before, Buffer.from(TOKEN), after]).toString(url ? 'base64url' : 'base64')
          expect(split(secret, Buffer.from(all), cuts).found).toBe(true)
        },
      ),
    )
  })

  test('scanner() lets everything else through as it is, and nothing of the secret where there is one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('npm_', 'canary', TOKEN.slice(0, -1), TOKEN.slice(3), 'x\n\n')),
        fc.boolean(),
        sizes,
        (parts, withIt, cuts) => {
          const clean = parts.join('|')
          const bytes = Buffer.from(withIt ? `${clean}${TOKEN}|` : clean)
          const { found, passed } = split(secret, bytes, cuts)
          expect(found).toBe(bytes.includes(TOKEN))
          if (found) expect(passed.length).toBeLessThanOrEqual(bytes.indexOf(TOKEN))
          else expect(passed).toEqual(bytes)
        },
      ),
    )
  })

  test('scanner() holds nothing of an event that ends as events do', () => {
    const event = Buffer.from('data: {"delta":"npm_canary"}\n\n')
    expect(secret.scanner().push(event)).toEqual(event)
  })

  test.each([
    ['the pair', 'someone:hunter2-hunter2'],
    ['the password', 'hunter2-hunter2'],
    ['the header’s own form', Buffer.from('someone:hunter2-hunter2').toString('base64')],
  ])('of Basic, %s is the secret', (_what, shown) => {
    const basic = new Secret(`Basic ${Buffer.from('someone:hunter2-hunter2').toString('base64')}`)
    expect(basic.isIn(`<${shown}>`)).toBe(true)
    expect(basic.isIn('someone')).toBe(false)
  })
})
