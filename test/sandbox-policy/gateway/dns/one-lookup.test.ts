import { expect, test } from 'vitest'
import { createOneLookup } from '../../../../sandbox-policy/gateway/dns/one-lookup.ts'
import type { Session } from '../../../../sandbox-policy/gateway/session.ts'

const [A, TXT, AAAA, HTTPS] = [1, 16, 28, 65]
const session = {} as Session

function setup() {
  let time = 0
  const isFirst = createOneLookup(() => time)
  const ask = (name: string, type: number, of = session) => isFirst(of, { name, type })
  return { ask, pass: (ms: number) => (time += ms) }
}

test('the types of one look-up are one refusal, whatever their order and case', () => {
  const { ask } = setup()
  expect([ask('evil.test', AAAA), ask('EVIL.test', A), ask('evil.test', HTTPS)]).toEqual([true, false, false])
})

test('the same question again is another refusal, and so is a later look-up', () => {
  const { ask, pass } = setup()
  expect([ask('evil.test', A), ask('evil.test', A), ask('evil.test', AAAA)]).toEqual([true, true, false])
  pass(2000)
  expect(ask('evil.test', AAAA)).toBe(true)
})

test('other names, other types and other sandboxes are refusals of their own', () => {
  const { ask } = setup()
  expect(ask('evil.test', A)).toBe(true)
  expect(ask('other.test', AAAA)).toBe(true)
  expect(ask('evil.test', TXT)).toBe(true)
  expect(ask('evil.test', AAAA, {} as Session)).toBe(true)
})

test('what is remembered is bounded, and what was forgotten is recorded', () => {
  const { ask } = setup()
  expect(ask('evil.test', A)).toBe(true)
  for (let i = 0; i < 64; i++) ask(`n${i}.test`, A)
  expect(ask('evil.test', AAAA)).toBe(true)
})
