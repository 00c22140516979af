import { describe, expect, test } from 'vitest'
import { spellingsOf } from '../../../runner/secrets/spellings.ts'

const SECRET = 'h/u+n t?e"r\\2<é>!=&\n\u2028'
const holds = (text: string, secret = SECRET) =>
  spellingsOf(secret).some((spelling) => Buffer.from(text).includes(spelling))
const base64 = (text: string) => Buffer.from(text).toString('base64')
const wrapped = (text: string, width: number) => (text.match(new RegExp(`.{1,${width}}`, 'g')) ?? []).join('\n')

describe('spellingsOf() finds a value', () => {
  test.each<[string, string]>([
    ['as it is', `TOKEN=${SECRET};`],
    ['in base64 at the first place', base64(SECRET)],
    ['in base64 at the second place', base64(`a${SECRET}b`)],
    ['in base64 at the third place', base64(`ab${SECRET}`)],
    ['in base64 for URLs', Buffer.from(`user:${SECRET}`).toString('base64url')],
    ['in a header of basic authentication', `Basic ${base64(`x-access-token:${SECRET}`)}`],
    ['URL-encoded', `https://x:${encodeURIComponent(SECRET)}@host/`],
    ['URL-encoded in lower case', encodeURIComponent(SECRET).replace(/%../g, (code) => code.toLowerCase())],
    ['encoded as a form', new URLSearchParams({ t: SECRET }).toString().replaceAll('%0A', '%0A')],
    ['in JSON', JSON.stringify({ token: SECRET })],
  ])('%s', (_, text) => expect(holds(text)).toBe(true))

  test('in JSON of ASCII, as Python writes it', () => {
    expect(holds('{"t": "h/u+n t?e\\"r\\\\2<\\u00e9>!=&\\n\\u2028"}')).toBe(true)
  })

  test.each([64, 76])('in base64 with lines of %i characters, wherever it stands', (width) => {
    const token = 'ghp_0123456789abcdefghijKLMNOPQRSTUV0123456789'
    for (let before = 0; before < 120; before++) {
      expect(holds(wrapped(base64(`${'x'.repeat(before)}${token}${'y'.repeat(100)}`), width), token)).toBe(true)
    }
  })
})

test('spellingsOf() does not find another value, nor what all keys have in common', () => {
  const key = (body: string) => `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`
  const [own, other] = ['MIIEvQIBADANBgkqhkiG9w0BAQEFAASC', 'ZmFrZWtleWZha2VrZXlmYWtla2V5ZmFr'].map((part) =>
    key(part.repeat(6)),
  )
  for (const spelled of [other ?? '', base64(other ?? ''), JSON.stringify(other)])
    expect(holds(spelled, own)).toBe(false)
  expect(holds(base64(own ?? ''), own)).toBe(true)
})

test('spellingsOf() has none for a value that chance would find', () => {
  expect(spellingsOf('abc')).toEqual([])
  expect(spellingsOf('abcd').every((spelling) => spelling.length >= 4)).toBe(true)
})
